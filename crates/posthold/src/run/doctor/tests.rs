use std::fs;

use super::*;

fn patient(dir: &std::path::Path) -> Patient {
    let data = DataDir::new(dir.to_owned());
    let keys = KeySource::DataDir;
    let now = Timestamp(1_795_284_100);
    let examination = Examination::Brief;
    Patient { data, keys, owner: None, stores: Vec::new(), now, examination }
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
