//! A disk in memory, which can be full. Only root makes one, or who may become root.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::postgres::is_root;

#[derive(Debug)]
pub(super) struct Disk(TempDir);

impl Disk {
    /// With so many MiB.
    pub(super) fn new(size: u32) -> Self {
        Self::try_new(size).expect(
            "this fault mounts a disk in memory: run it as root, or where sudo asks for no password",
        )
    }

    /// The same, if it can be made here.
    pub(super) fn try_new(size: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = fs::metadata(folder.path()).expect("a new folder").uid();
        let options = format!("mode=755,size={size}m,uid={own}");
        let mounted = as_root("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Nothing more can be written to it.
    pub(super) fn fill(&self) {
        let block = vec![0_u8; 1 << 16];
        let mut file = fs::File::create(self.path().join("filler")).expect("a new file");
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }

    pub(super) fn clear(&self) {
        fs::remove_file(self.path().join("filler")).expect("the file that filled it");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
