use std::fs;

use super::*;

fn patient(dir: &std::path::Path) -> Patient {
    let data = DataDir::new(dir.to_owned());
    let keys = KeySource::DataDir;
    let now = Timestamp(1_795_284_100);
    let examination = Examination::Brief;
    Patient { data, keys, owner: None, stores: Vec::new(), has_state: true, now, examination }
}

fn results(checks: &[DoctorCheck]) -> Vec<(&'static str, CheckResult)> {
    checks.iter().map(|it| (it.name, it.result)).collect()
}

#[test]
fn a_directory_that_is_open_to_others_is_bad() {
    let dir = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o755);
    let checks = data_directory(&patient(dir.path()));
    assert_eq!(results(&checks), [("data_directory", CheckResult::Bad)]);
    assert!(checks[0].hint.is_some());
    set(0o700);
    let checks = data_directory(&patient(dir.path()));
    assert_eq!(results(&checks), [("data_directory", CheckResult::Good)]);
    let checks = data_directory(&patient(&dir.path().join("none")));
    assert_eq!(results(&checks), [("data_directory", CheckResult::Bad)]);
}

#[test]
fn a_key_that_is_none_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut patient = patient(dir.path());
    assert_eq!(results(&key(&patient)), [("key", CheckResult::Good)]);
    patient.keys = KeySource::File(dir.path().join("none"));
    let checks = key(&patient);
    assert_eq!(results(&checks), [("key", CheckResult::Bad)]);
    fs::write(dir.path().join("secret.key"), "posthold-key-1-00").unwrap();
    patient.keys = KeySource::DataDir;
    assert_eq!(results(&key(&patient)), [("key", CheckResult::Bad)]);
}

#[test]
fn an_encrypted_file_system_is_good_and_none_is_bad() {
    use disk::FileEncryption as Known;
    let cases = [
        (Known::Encrypted("dm-crypt (LUKS2)".into()), CheckResult::Good),
        (Known::Memory, CheckResult::Good),
        (Known::None("sda1".into()), CheckResult::Bad),
        (Known::Unknown("an overlay".into()), CheckResult::Unknown),
    ];
    for (known, want) in cases {
        let check = encryption::files(&known);
        assert_eq!(check.result, want, "{known:?}");
        assert_eq!(check.hint.is_some(), want != CheckResult::Good, "{known:?}");
    }
}

#[test]
fn new_mail_needs_a_current_store() {
    let dir = tempfile::tempdir().unwrap();
    let mut patient = patient(dir.path());
    assert!(current_store(&patient).is_empty());
    let store = |state| SavedStore {
        name: "old".into(),
        dir: "old".into(),
        state,
        turn: 0,
        since: Timestamp(0),
        trouble: None,
        tries: 0,
        index_trouble: None,
        is_begun: true,
    };
    for (state, want) in
        [(StoreState::Normal, CheckResult::Bad), (StoreState::Current, CheckResult::Good)]
    {
        patient.stores = vec![store(state)];
        assert_eq!(results(&current_store(&patient)), [("current_store", want)]);
    }
}
