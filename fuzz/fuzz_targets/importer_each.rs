//! Whatever is taken for a file of some format is read or refused. The first byte is the format.
#![cfg_attr(feature = "libfuzzer", no_main)]

use otp_vault::{Import, Password, formats};

fuzz::fuzz_target!(|bytes: &[u8]| {
    let Some((chosen, file)) = bytes.split_first() else {
        return;
    };
    let format = &formats()[usize::from(*chosen) % formats().len()];
    let import = Import::new(file).format(format.name);
    // Derivations are slow on purpose, but for those of a fixed and low cost.
    let password = Password::new("correct horse".to_owned());
    let read = match format.name {
        "authenticator-plus-zip" | "authy-android-xml" | "winauth-zip" => {
            import.password(&password).read()
        }
        _ => import.read(),
    };
    if let Ok(imported) = read {
        assert!(!imported.entries.is_empty());
        for entry in &imported.entries {
            let _ = entry.code(59);
        }
        Import::new(&imported.to_json())
            .format("otp-vault")
            .read()
            .expect("what is printed is read");
    }
});
