//! The same statement through PostgreSQL's own bench.

use std::{fs, path::PathBuf, process::Command, sync::Arc};

use tempfile::TempDir;

use crate::{
    fill::{self, Age},
    floor::CONNECTIONS,
    issued::{Maker, now},
    places::PgPlace,
};

pub(crate) struct Pgbench {
    program: PathBuf,
    folder: TempDir,
    /// How many rows were made for it and used up.
    used: usize,
}

impl Pgbench {
    /// None where it is not installed: it is for reference.
    pub(crate) async fn new(place: &PgPlace, maker: &Maker, text: &Arc<str>) -> Option<Self> {
        let Some(program) = program() else {
            println!("there is no pgbench: no reference");
            return None;
        };
        let key = maker.codes(&place.store, 1).await.remove(0);
        let (key, _) = *key.digests().first().unwrap();
        // The ids and digests of `fill`, by a number that each of its clients counts.
        let statement = text
            .replace("$1::uuid", "md5(:n::text)::uuid")
            .replace("$2::bigint", &now().timestamp_micros().to_string())
            .replace("$3::bigint[]", &format!("ARRAY[{}]::bigint[]", key.0))
            .replace("$4::bytea[]", "ARRAY[sha256(convert_to(:n::text, 'UTF8'))]");
        assert!(!statement.contains('$'), "{statement}");
        let script = format!(
            "\\set n :first + :client_id * :share + :done\n\\set done :done + 1\n{statement};\n"
        );
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("redeem.sql"), script).unwrap();
        let mut connection = PgPlace::outsider().await;
        fill::postgres_template(place, &mut connection, maker).await;
        Some(Self {
            program,
            folder,
            used: 0,
        })
    }

    /// Redeems a second, over as many connections as the store has.
    pub(crate) async fn run(&mut self, place: &PgPlace, clients: usize, count: usize) -> f64 {
        let clients = clients.min(CONNECTIONS);
        let share = count / clients;
        let first = self.used + 1;
        self.used += share * clients;
        let mut connection = PgPlace::outsider().await;
        fill::postgres_rows(place, &mut connection, first, self.used, Age::Live).await;
        let script = self.folder.path().join("redeem.sql");
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--transactions={share}"))
            .arg(format!("--define=first={first}"))
            .arg(format!("--define=share={share}"))
            .arg("--define=done=0")
            .arg(format!("--file={}", script.display()))
            .arg(PgPlace::url())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        let spent = format!(
            "SELECT count(*) FROM {{tokens}} WHERE state = 5 AND subject LIKE 'filler%' \
             AND substr(subject, 7)::bigint BETWEEN {first} AND {}",
            self.used
        );
        let spent = fill::number(place, &mut connection, &spent).await;
        assert_eq!(usize::try_from(spent).unwrap(), share * clients, "{told}");
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rate| rate.split(' ').next());
        rate.unwrap().parse().unwrap()
    }
}

/// Debian keeps it out of PATH for all but the newest version's wrapper.
fn program() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten();
    let newest = versions
        .filter_map(|version| {
            let path = version.ok()?.path();
            let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
            Some((number, path.join("bin/pgbench")))
        })
        .max();
    let in_path = std::env::var_os("PATH");
    let in_path = in_path.iter().flat_map(std::env::split_paths);
    newest
        .map(|(_, path)| path)
        .into_iter()
        .chain(in_path.map(|folder| folder.join("pgbench")))
        .find(|path| path.is_file())
}
