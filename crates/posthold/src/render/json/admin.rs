//! Answers of the commands that look after the server, for programs.

use std::io::{self, Write};

use commands::{
    AdminAnswer, ApplyAnswer, FieldChange, Half, Insecure, KeyShares, KeyStatus, OutgoingLogin,
    Planned, ProfileShown, Rank, SettingShown, Switch, TestAnswer, UserShown, trust_words,
};
use serde::Serialize;

use super::approvals::{ApprovalObject, PersonObject};
use super::backups;
use super::doctor::{DoctorObject, EncryptedObject};
use super::jobs::{FolderObject, JobObject, RunObject};
use super::object;
use super::presets::PresetObject;
use super::quarantine::{ExportedObject, QuarantineObject};
use super::reports::{
    AlertObject, DailyObject, MailObject, MailTestObject, RunReportObject, WrittenObject,
};
use super::retention::{
    ClockObject, DeletedObject, ExplainedObject, HoldObject, PolicyObject, RetentionObject,
};
use super::service::{ServedObject, StatusObject};
use super::stores::{
    CompactObject, DetachedObject, ErasureObject, ErasuresProvenObject, MergedObject, StatsObject,
    StoreObject,
};
use super::unknown::{AssignedObject, UnknownObject};

/// One object, or one a line for lists.
pub(super) fn answer(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AdminAnswer::KeyStatus(it) => object(&KeyStatusObject::from(it), out),
        AdminAnswer::KeysShown(keys) => keys
            .iter()
            .try_for_each(|it| object(&KeyShownObject { store: &it.store, key: &it.key }, out)),
        AdminAnswer::KeyNew(key) => object(&KeyNewObject { key: key.declassify() }, out),
        AdminAnswer::KeyShares(it) => object(&KeySharesObject::from(it), out),
        AdminAnswer::KeyRotated { key, secrets, segments } => {
            object(&KeyRotatedObject { key, secrets: *secrets, segments: *segments }, out)
        }
        AdminAnswer::Doctor(it) => object(&DoctorObject::from(it), out),
        AdminAnswer::StoreEncrypted(it) => object(&EncryptedObject::from(it), out),
        AdminAnswer::Settings(list) => {
            list.iter().try_for_each(|it| object(&SettingObject::from(it), out))
        }
        AdminAnswer::Setting(it) => object(&SettingObject::from(it), out),
        AdminAnswer::Applied(it) => object(&AppliedObject::from(it), out),
        AdminAnswer::Backup(it) => backups::answer(it, out),
        AdminAnswer::Export(toml) => object(&ExportObject { toml }, out),
        AdminAnswer::Insecure(list) => {
            list.iter().try_for_each(|it| object(&InsecureObject::from(it), out))
        }
        AdminAnswer::Profiles(list) => {
            list.iter().try_for_each(|it| object(&ProfileObject::from(it), out))
        }
        AdminAnswer::Profile(it) => object(&ProfileObject::from(&**it), out),
        AdminAnswer::ProfileRemoved(name) => object(&RemovedObject { removed: name }, out),
        AdminAnswer::User(it) => object(&UserObject::from(&**it), out),
        AdminAnswer::Jobs(list) => list.iter().try_for_each(|it| object(&JobObject::from(it), out)),
        AdminAnswer::Job(it) => object(&JobObject::from(&**it), out),
        AdminAnswer::Presets(list) => {
            list.iter().try_for_each(|it| object(&PresetObject::from(it), out))
        }
        AdminAnswer::Preset(it) => object(&PresetObject::from(&**it), out),
        AdminAnswer::JobRemoved(name) => object(&RemovedObject { removed: name }, out),
        AdminAnswer::Folders(list) => {
            list.iter().try_for_each(|it| object(&FolderObject::from(it), out))
        }
        AdminAnswer::Runs(list) => list.iter().try_for_each(|it| object(&RunObject::from(it), out)),
        AdminAnswer::Run(it) => object(&RunObject::from(&**it), out),
        other => more(other, out),
    }
}

/// The answers of stores, of what is kept and removed, of the service and of reports.
fn more(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AdminAnswer::Stores(list) => {
            list.iter().try_for_each(|it| object(&StoreObject::from(it), out))
        }
        AdminAnswer::StoreStats(list) => {
            list.iter().try_for_each(|it| object(&StatsObject::from(it), out))
        }
        AdminAnswer::Store(it) => object(&StoreObject::from(&**it), out),
        AdminAnswer::Compacted(it) => object(&CompactObject::from(&**it), out),
        AdminAnswer::Erasures(list) => {
            list.iter().try_for_each(|it| object(&ErasureObject::from(it), out))
        }
        AdminAnswer::ErasuresProven(it) => object(&ErasuresProvenObject::from(it), out),
        AdminAnswer::StoreMerged(it) => object(&MergedObject::from(&**it), out),
        AdminAnswer::StoreDetached(dir) => object(&DetachedObject::from(dir), out),
        AdminAnswer::Quarantine(list) => {
            list.iter().try_for_each(|it| object(&QuarantineObject::from(it), out))
        }
        AdminAnswer::Quarantined(it) => object(&QuarantineObject::from(&**it), out),
        AdminAnswer::QuarantineExported(it) => object(&ExportedObject::from(it), out),
        AdminAnswer::Unknown(list) => {
            list.iter().try_for_each(|it| object(&UnknownObject::from(it), out))
        }
        AdminAnswer::Assigned(it) => object(&AssignedObject::from(it), out),
        AdminAnswer::Test(it) => object(&TestObject::from(it), out),
        AdminAnswer::Service(it) => object(&StatusObject::from(&**it), out),
        AdminAnswer::Served(it) => object(&ServedObject::from(it), out),
        AdminAnswer::Alerts(list) => {
            list.iter().try_for_each(|it| object(&AlertObject::from(it), out))
        }
        AdminAnswer::Alert(it) => object(&AlertObject::from(&**it), out),
        AdminAnswer::Mail(it) => object(&MailObject::from(&**it), out),
        AdminAnswer::MailTest(it) => object(&MailTestObject::from(it), out),
        AdminAnswer::RunReport(it, _) => object(&RunReportObject::from(&**it), out),
        AdminAnswer::DailyReport(it, _, to) => object(&DailyObject::new(it, to), out),
        AdminAnswer::Policies(list) => {
            list.iter().try_for_each(|it| object(&PolicyObject::from(it), out))
        }
        AdminAnswer::Policy(it) => object(&PolicyObject::from(&**it), out),
        AdminAnswer::PolicyRemoved(name) => object(&RemovedObject { removed: name }, out),
        AdminAnswer::Retention(it) => object(&RetentionObject::from(&**it), out),
        AdminAnswer::Explained(it) => object(&ExplainedObject::from(&**it), out),
        AdminAnswer::ClockConfirmed(it) => object(&ClockObject::from(it), out),
        AdminAnswer::Holds(list) => {
            list.iter().try_for_each(|it| object(&HoldObject::from(it), out))
        }
        AdminAnswer::Hold(it) => object(&HoldObject::from(&**it), out),
        AdminAnswer::Approvals(list) => {
            list.iter().try_for_each(|it| object(&ApprovalObject::from(it), out))
        }
        AdminAnswer::Approval(it) => object(&ApprovalObject::from(&**it), out),
        AdminAnswer::Persons(list) => {
            list.iter().try_for_each(|it| object(&PersonObject::from(it), out))
        }
        AdminAnswer::Deleted(it) => object(&DeletedObject::from(it), out),
        AdminAnswer::Audit(it) => super::audit::answer(it, out),
        AdminAnswer::Anchor(it) => super::anchors::answer(it, out),
        AdminAnswer::Written(path) => {
            object(&WrittenObject { written: path.to_string_lossy().into_owned() }, out)
        }
        // One that is in neither list would be no answer at all.
        _ => Err(io::Error::other("this answer has no form")),
    }
}

#[derive(Serialize)]
struct AppliedObject<'a> {
    applied: bool,
    plan: Vec<PlannedObject<'a>>,
    unnamed: Vec<UnnamedObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct PlannedObject<'a> {
    action: &'static str,
    kind: &'a str,
    name: &'a str,
    applies: &'a str,
    fields: Vec<FieldObject<'a>>,
}

#[derive(Serialize)]
struct FieldObject<'a> {
    key: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

#[derive(Serialize)]
struct UnnamedObject<'a> {
    kind: &'a str,
    name: &'a str,
}

impl<'a> From<&'a ApplyAnswer> for AppliedObject<'a> {
    fn from(it: &'a ApplyAnswer) -> AppliedObject<'a> {
        let field = |it: &'a FieldChange| FieldObject {
            key: &it.key,
            before: it.before.as_deref(),
            after: it.after.as_deref(),
        };
        let planned = |it: &'a Planned| PlannedObject {
            action: it.action.name(),
            kind: it.kind,
            name: &it.name,
            applies: it.applies,
            fields: it.fields.iter().map(field).collect(),
        };
        AppliedObject {
            applied: it.applied,
            plan: it.plan.iter().map(planned).collect(),
            unnamed: it.unnamed.iter().map(|(kind, name)| UnnamedObject { kind, name }).collect(),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
struct KeyShownObject<'a> {
    store: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
struct KeyNewObject<'a> {
    key: &'a str,
}

#[derive(Serialize)]
struct KeySharesObject<'a> {
    key: &'a str,
    needed: u8,
    shares: Vec<&'a str>,
}

impl<'a> From<&'a KeyShares> for KeySharesObject<'a> {
    fn from(it: &'a KeyShares) -> KeySharesObject<'a> {
        let shares = it.shares.iter().map(types::Secret::declassify).collect();
        KeySharesObject { key: &it.key, needed: it.needed, shares }
    }
}

#[derive(Serialize)]
struct KeyRotatedObject<'a> {
    key: &'a str,
    secrets: u64,
    segments: u64,
}

#[derive(Serialize)]
struct ExportObject<'a> {
    toml: &'a str,
}

#[derive(Serialize)]
struct RemovedObject<'a> {
    removed: &'a str,
}

#[derive(Serialize)]
struct KeyStatusObject<'a> {
    source: &'a str,
    keys: Vec<KeyObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct KeyObject<'a> {
    id: &'a str,
    secrets: u64,
    segments: u64,
    at_hand: bool,
}

impl<'a> From<&'a KeyStatus> for KeyStatusObject<'a> {
    fn from(it: &'a KeyStatus) -> KeyStatusObject<'a> {
        let key = |it: &'a commands::KeyListed| KeyObject {
            id: &it.id,
            secrets: it.secrets,
            segments: it.segments,
            at_hand: it.at_hand,
        };
        KeyStatusObject {
            source: &it.source,
            keys: it.keys.iter().map(key).collect(),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
struct SettingObject<'a> {
    key: &'a str,
    value: &'a str,
    default: &'a str,
    is_set: bool,
    applies: &'a str,
    doc: &'a str,
}

impl<'a> From<&'a SettingShown> for SettingObject<'a> {
    fn from(it: &'a SettingShown) -> SettingObject<'a> {
        SettingObject {
            key: &it.key,
            value: &it.value,
            default: &it.default,
            is_set: it.is_set,
            applies: it.applies,
            doc: &it.doc,
        }
    }
}

#[derive(Serialize)]
pub(super) struct InsecureObject<'a> {
    of: &'a str,
    name: &'a str,
    kind: &'static str,
    warning: &'a str,
}

impl<'a> From<&'a Insecure> for InsecureObject<'a> {
    fn from(it: &'a Insecure) -> InsecureObject<'a> {
        InsecureObject { of: &it.of, name: &it.name, kind: it.kind.name(), warning: &it.warning }
    }
}

#[derive(Serialize)]
struct ProfileObject<'a> {
    name: &'a str,
    description: &'a str,
    enabled: bool,
    incoming: HalfObject<'a>,
    outgoing: Option<HalfObject<'a>>,
    same_for_outgoing: bool,
    connections: u16,
    connections_per: &'static str,
    bytes_per_day: Option<u64>,
    poll_seconds: f64,
    pause_first_seconds: f64,
    pause_max_seconds: f64,
    jobs: &'a [String],
    warnings: &'a [String],
}

#[derive(Serialize)]
struct HalfObject<'a> {
    protocol: &'static str,
    host: String,
    port: u16,
    security: &'static str,
    auth: &'static str,
    login: Option<&'a str>,
    has_password: bool,
    trust: &'static str,
    trusted: Option<String>,
    timeout_seconds: Option<u64>,
}

impl<'a> HalfObject<'a> {
    fn new(half: &'a Half, has_password: bool) -> HalfObject<'a> {
        let (security, port) = half.resolved();
        let (trust, trusted) = trust_words(&half.trust);
        HalfObject {
            protocol: half.protocol.name(),
            host: half.host.to_string(),
            port,
            security: security.name(),
            auth: half.mechanism.name(),
            login: half.login.as_deref(),
            has_password,
            trust,
            trusted,
            timeout_seconds: half.timeout.map(|it| it.as_secs()),
        }
    }
}

impl<'a> From<&'a ProfileShown> for ProfileObject<'a> {
    fn from(shown: &'a ProfileShown) -> ProfileObject<'a> {
        let it = &shown.profile;
        ProfileObject {
            name: &it.name,
            description: &it.description,
            enabled: it.switch == Switch::Enabled,
            incoming: HalfObject::new(&it.incoming, shown.has_secret.0),
            outgoing: it.outgoing.as_ref().map(|half| HalfObject::new(half, shown.has_secret.1)),
            same_for_outgoing: it.outgoing_login == OutgoingLogin::Same,
            connections: it.limits.connections,
            connections_per: it.counted().name(),
            bytes_per_day: it.limits.bytes_per_day,
            poll_seconds: it.limits.poll_every.as_secs_f64(),
            pause_first_seconds: it.limits.pause_first.as_secs_f64(),
            pause_max_seconds: it.limits.pause_max.as_secs_f64(),
            jobs: &shown.jobs,
            warnings: &shown.warnings,
        }
    }
}

#[derive(Serialize)]
struct UserObject<'a> {
    user: &'a str,
    full_name: &'a str,
    active: bool,
    administrator: bool,
    login_by: &'static str,
    addresses: &'a [String],
    aliases: &'a [String],
    created: String,
    jobs: &'a [String],
    warnings: &'a [String],
}

impl<'a> From<&'a UserShown> for UserObject<'a> {
    fn from(it: &'a UserShown) -> UserObject<'a> {
        UserObject {
            user: it.name.as_str(),
            full_name: &it.full_name,
            active: it.switch == Switch::Enabled,
            administrator: it.rank == Rank::Administrator,
            login_by: it.login_by.name(),
            addresses: &it.addresses,
            aliases: &it.aliases,
            created: it.created.to_string(),
            jobs: &it.jobs,
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct TestObject<'a> {
    subject: &'a str,
    ok: bool,
    steps: Vec<StepObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct StepObject<'a> {
    step: &'a str,
    result: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a TestAnswer> for TestObject<'a> {
    fn from(it: &'a TestAnswer) -> TestObject<'a> {
        let step = |it: &'a commands::TestStep| StepObject {
            step: it.name,
            result: it.result.name(),
            message: &it.told,
            hint: it.hint.as_deref(),
        };
        TestObject {
            subject: &it.subject,
            ok: it.is_clean(),
            steps: it.steps.iter().map(step).collect(),
            warnings: &it.warnings,
        }
    }
}
