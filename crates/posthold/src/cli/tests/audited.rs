//! Every command has its place in the audit log.

use std::collections::BTreeSet;

use expect_test::expect;

use super::parsed;
use crate::cli::{Task, command};

/// A line of every command there is.
const LINES: &str = "\
demo
archive imap://a@127.0.0.1/ --user alice
import m --user alice
search x
search x --user alice --count
show 0123456789
export --all --to out
export --folder a/INBOX --user alice --to out
verify
doctor
store list
store show s
store create s
store attach s
store detach s
store rename s t
store set-state s disabled
store accept-rollback
store compact --plan
store compact s
store erasures
store erasures 0123456789 --proof out
store make-current s
store retry s
store merge s t
store move s --to d
store verify s
store rebuild s --view index
store stats
store encrypt s
store rebuild-catalog
store rebuild-index
user add bob
user set bob
user show bob
user list
quarantine list
quarantine show 1.2
quarantine retry 1.2
quarantine export 1.2 --to out
quarantine accept 1.2 --reason why
unknown list
unknown show a@b
unknown assign a@b --user bob
profile add p --host h
profile set p
profile copy p q
profile list
profile show p
profile test p
profile enable p
profile disable p
profile rename p q
profile remove p
preset list
preset show gmail
job add j --user bob --profile p --login b
job set j
job copy j k
job list
job show j
job test j
job effective-folders j
job run j
job enable j
job disable j
job rename j k
job remove j
run list
run show 1
run report 1
anchor add mail a@b.org
anchor add file /worm/f
anchor add tsa http://t/ --ca-file f
anchor list
anchor remove worm
anchor now
anchor now worm
anchor now --due
anchor verify m
alert list
alert show 1
alert acknowledge 1
report daily
mail show
mail set
mail test
mail remove
retention list
retention show r
retention add r --all --keep 5y
retention set r --keep 6y
retention move r 1
retention enable r
retention disable r
retention remove r
retention explain 0123456789
retention plan
retention run
retention confirm-clock
hold list
hold show h
hold set h --all --reason why
hold lift h --reason why
delete 0123456789 --reason why
delete --query x --plan
delete --query x --reason why
approval list
approval show 1
approval approve 1 --as ann
approval reject 1 --as ann
approval persons
approval add-person bob
approval remove-person bob
approval turn-off --as ann
backup create b
backup list b
backup verify b
backup purge b
restore b --to d
audit list
audit export --to out
audit show 1
audit activities
audit enable MessageSearch
audit disable messagesearch
audit unlock alice --reason why
audit lock --everybody
audit unlocks
audit accept-loss --reason why
settings list
settings get audit_job_run
settings set alert_stale_hours 5
settings set audit_job_run off
settings export
settings check
apply f.toml
apply f.toml --plan
key status
key new
key rotate
key show
key split --shares 3 --needed 2
key join f
serve
service status
service pause fetch
service resume
service restart
";

/// Names of commands that do something, with those above them.
fn leaves(command: &clap::Command, path: &str, all: &mut BTreeSet<String>) {
    let mut is_leaf = true;
    for it in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        is_leaf = false;
        leaves(it, format!("{path} {}", it.get_name()).trim_start(), all);
    }
    if is_leaf {
        all.insert(path.to_owned());
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn every_command_has_its_place_in_the_audit_log() {
    let mut missing = BTreeSet::new();
    leaves(&command(), "", &mut missing);
    let mut lines = Vec::new();
    for line in LINES.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        missing.retain(|it| !format!("{line} ").starts_with(&format!("{it} ")));
        let request = match parsed(&words).map(|it| it.task) {
            Ok(Task::Request(request)) => request,
            other => panic!("{line} makes no request: {other:?}"),
        };
        let how = if request.only_reads() { "reads" } else { "acts" };
        let logged = request
            .audited()
            .map(|it| format!("{} {:?} {}", it.activity.name(), it.shows, it.objects.join(" ")));
        lines.push(format!("{line}: {how}, {}", logged.as_deref().unwrap_or("not logged").trim()));
    }
    // It reads a certificate from a file. What it asks for is what the other anchors ask for.
    missing.remove("anchor add tsa");
    assert!(missing.is_empty(), "no line here for {missing:?}");
    expect![[r#"
        demo: reads, not logged
        archive imap://a@127.0.0.1/ --user alice: acts, MessageArchive Nothing user:alice account:imap://a@127.0.0.1:143/
        import m --user alice: acts, MessageArchive Nothing user:alice file:m
        search x: reads, MessageSearch Everybody query:x
        search x --user alice --count: reads, MessageSearch Nothing user:alice query:x
        show 0123456789: reads, MessageRetrieveContent Message message:0123456789
        export --all --to out: reads, MessageExport Everybody query: file:out
        export --folder a/INBOX --user alice --to out: reads, MessageExport User(UserName("alice")) user:alice folder:a/INBOX file:out
        verify: reads, StoreVerify Nothing
        doctor: reads, not logged
        store list: reads, ConfigurationRead Nothing
        store show s: reads, ConfigurationRead Nothing store:s
        store create s: acts, StoreChange Nothing store:s
        store attach s: acts, StoreChange Nothing store:s
        store detach s: acts, StoreChange Nothing store:s
        store rename s t: acts, StoreChange Nothing store:s store:t
        store set-state s disabled: acts, StoreChange Nothing store:s state:disabled
        store accept-rollback: acts, StoreChange Nothing
        store compact --plan: reads, ConfigurationRead Nothing
        store compact s: acts, MessageRemove Nothing store:s
        store erasures: reads, ConfigurationRead Nothing
        store erasures 0123456789 --proof out: reads, ConfigurationRead Nothing message:0123456789
        store make-current s: acts, StoreChange Nothing store:s
        store retry s: acts, StoreChange Nothing store:s
        store merge s t: acts, StoreChange Nothing store:s store:t
        store move s --to d: acts, StoreChange Nothing store:s file:d
        store verify s: reads, StoreVerify Nothing store:s
        store rebuild s --view index: acts, StoreChange Nothing store:s view:index
        store stats: reads, ConfigurationRead Nothing
        store encrypt s: acts, StoreChange Nothing store:s
        store rebuild-catalog: acts, StoreChange Nothing view:catalog
        store rebuild-index: acts, StoreChange Nothing view:index
        user add bob: acts, UserChange Nothing user:bob
        user set bob: acts, UserChange Nothing user:bob
        user show bob: reads, ConfigurationRead Nothing user:bob
        user list: reads, ConfigurationRead Nothing
        quarantine list: acts, ConfigurationRead Nothing
        quarantine show 1.2: acts, ConfigurationRead Nothing quarantine:1.2
        quarantine retry 1.2: acts, QuarantineChange Nothing quarantine:1.2
        quarantine export 1.2 --to out: acts, MessageExport Everybody quarantine:1.2 file:out
        quarantine accept 1.2 --reason why: acts, QuarantineChange Nothing quarantine:1.2
        unknown list: acts, ConfigurationRead Nothing
        unknown show a@b: acts, ConfigurationRead Nothing address:a@b
        unknown assign a@b --user bob: acts, UserChange Nothing user:bob address:a@b
        profile add p --host h: acts, ProfileChange Nothing profile:p
        profile set p: acts, ProfileChange Nothing profile:p
        profile copy p q: acts, ProfileChange Nothing profile:p profile:q
        profile list: reads, ConfigurationRead Nothing
        profile show p: reads, ConfigurationRead Nothing profile:p
        profile test p: acts, ConnectionTest Nothing profile:p
        profile enable p: acts, ProfileChange Nothing profile:p
        profile disable p: acts, ProfileChange Nothing profile:p
        profile rename p q: acts, ProfileChange Nothing profile:p profile:q
        profile remove p: acts, ProfileChange Nothing profile:p
        preset list: acts, not logged
        preset show gmail: acts, not logged
        job add j --user bob --profile p --login b: acts, JobChange Nothing job:j
        job set j: acts, JobChange Nothing job:j
        job copy j k: acts, JobChange Nothing job:j job:k
        job list: reads, ConfigurationRead Nothing
        job show j: reads, ConfigurationRead Nothing job:j
        job test j: acts, ConnectionTest Nothing job:j
        job effective-folders j: acts, ConnectionTest Nothing job:j
        job run j: acts, JobRun Nothing job:j
        job enable j: acts, JobChange Nothing job:j
        job disable j: acts, JobChange Nothing job:j
        job rename j k: acts, JobChange Nothing job:j job:k
        job remove j: acts, JobChange Nothing job:j
        run list: reads, ConfigurationRead Nothing
        run show 1: reads, ConfigurationRead Nothing run:1
        run report 1: reads, ConfigurationRead Nothing run:1
        anchor add mail a@b.org: acts, AnchorChange Nothing anchor:mail mail:a@b.org
        anchor add file /worm/f: acts, AnchorChange Nothing anchor:file file:/worm/f
        anchor add tsa http://t/ --ca-file f: acts, AnchorChange Nothing anchor:tsa tsa:http://t/
        anchor list: reads, ConfigurationRead Nothing
        anchor remove worm: acts, AnchorChange Nothing anchor:worm
        anchor now: acts, AnchorRun Nothing
        anchor now worm: acts, AnchorRun Nothing anchor:worm
        anchor now --due: acts, AnchorRun Nothing
        anchor verify m: reads, StoreVerify Nothing file:m
        alert list: reads, ConfigurationRead Nothing
        alert show 1: reads, ConfigurationRead Nothing alert:1
        alert acknowledge 1: acts, AlertChange Nothing alert:1
        report daily: reads, ConfigurationRead Nothing
        mail show: reads, ConfigurationRead Nothing
        mail set: acts, MailChange Nothing
        mail test: acts, MailChange Nothing
        mail remove: acts, MailChange Nothing
        retention list: reads, ConfigurationRead Nothing
        retention show r: reads, ConfigurationRead Nothing policy:r
        retention add r --all --keep 5y: acts, ComplianceChangeSettings Nothing policy:r
        retention set r --keep 6y: acts, ComplianceChangeSettings Nothing policy:r
        retention move r 1: acts, ComplianceChangeSettings Nothing policy:r
        retention enable r: acts, ComplianceChangeSettings Nothing policy:r
        retention disable r: acts, ComplianceChangeSettings Nothing policy:r
        retention remove r: acts, ComplianceChangeSettings Nothing policy:r
        retention explain 0123456789: reads, ConfigurationRead Nothing message:0123456789
        retention plan: reads, ConfigurationRead Nothing
        retention run: acts, MessageRemove Nothing
        retention confirm-clock: acts, ComplianceChangeSettings Nothing
        hold list: reads, ConfigurationRead Nothing
        hold show h: reads, ConfigurationRead Nothing hold:h
        hold set h --all --reason why: acts, HoldChange Nothing hold:h
        hold lift h --reason why: acts, HoldChange Nothing hold:h
        delete 0123456789 --reason why: acts, MessageRemove Nothing message:0123456789
        delete --query x --plan: reads, MessageSearch Nothing query:x
        delete --query x --reason why: acts, MessageRemove Nothing query:x
        approval list: reads, ConfigurationRead Nothing
        approval show 1: reads, ConfigurationRead Nothing approval:1
        approval approve 1 --as ann: acts, MessageRemove Nothing approval:1 person:ann
        approval reject 1 --as ann: acts, ComplianceChangeSettings Nothing approval:1 person:ann
        approval persons: reads, ConfigurationRead Nothing
        approval add-person bob: acts, ComplianceChangeSettings Nothing person:bob
        approval remove-person bob: acts, ComplianceChangeSettings Nothing person:bob
        approval turn-off --as ann: acts, ComplianceChangeSettings Nothing person:ann
        backup create b: acts, BackupRun Nothing backups:b
        backup list b: reads, ConfigurationRead Nothing backups:b
        backup verify b: reads, ConfigurationRead Nothing backups:b
        backup purge b: reads, MessageRemove Nothing backups:b
        restore b --to d: reads, BackupRestore Nothing backups:b file:d
        audit list: reads, AuditRead Nothing
        audit export --to out: reads, AuditExport Nothing file:out
        audit show 1: reads, AuditRead Nothing entry:1
        audit activities: reads, ConfigurationRead Nothing
        audit enable MessageSearch: acts, ComplianceChangeSettings Nothing activity:MessageSearch
        audit disable messagesearch: acts, ComplianceChangeSettings Nothing activity:MessageSearch
        audit unlock alice --reason why: acts, ArchiveUnlock Nothing user:alice
        audit lock --everybody: acts, ArchiveLock Nothing user:*
        audit unlocks: reads, AuditRead Nothing
        audit accept-loss --reason why: acts, ComplianceChangeSettings Nothing
        settings list: reads, ConfigurationRead Nothing
        settings get audit_job_run: reads, ConfigurationRead Nothing setting:audit_job_run
        settings set alert_stale_hours 5: acts, SettingsChange Nothing setting:alert_stale_hours value:5
        settings set audit_job_run off: acts, ComplianceChangeSettings Nothing setting:audit_job_run value:off
        settings export: reads, ConfigurationRead Nothing
        settings check: reads, ConfigurationRead Nothing
        apply f.toml: acts, ComplianceChangeSettings Nothing file:f.toml
        apply f.toml --plan: acts, ConfigurationRead Nothing file:f.toml
        key status: acts, ConfigurationRead Nothing
        key new: reads, KeyChange Nothing
        key rotate: acts, KeyChange Nothing
        key show: reads, ConfigurationRead Nothing
        key split --shares 3 --needed 2: acts, KeyChange Nothing shares:3 needed:2
        key join f: reads, KeyChange Nothing
        serve: acts, ServiceChange Nothing
        service status: acts, ConfigurationRead Nothing
        service pause fetch: acts, ServiceChange Nothing workers:fetch
        service resume: acts, ServiceChange Nothing
        service restart: acts, ServiceChange Nothing
    "#]].assert_eq(&(lines.join("\n") + "\n"));
}
