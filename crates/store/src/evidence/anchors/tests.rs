use ledger::AnchorKind;
use types::Timestamp;

use super::super::tests::*;
use super::*;

fn anchored(note: &str) -> Anchored {
    let at = Timestamp(1_795_284_100);
    Anchored { anchor: "board".into(), kind: AnchorKind::Mail, at, token: None, note: note.into() }
}

#[test]
fn the_list_beside_a_log_is_added_to() {
    let disk = FaultyDisk::new();
    written(&disk, &[3]);
    let evidence = evidence(&disk);
    assert_eq!(evidence.anchored().unwrap(), AnchorList::default());
    let last = evidence.last().unwrap().unwrap();
    let all = [anchored(&last.note), anchored(&last.note)];
    evidence.add_anchored(&all[..1]).unwrap();
    evidence.add_anchored(&all[1..]).unwrap();
    assert_eq!(evidence.anchored().unwrap(), AnchorList { anchored: all.to_vec(), flaws: vec![] });
    let list = disk.content(&path("anchors")).unwrap();
    for at in 0..list.len() {
        let disk = disk.fork();
        disk.flip_bit(&path("anchors"), at as u64 * 8);
        let found = self::evidence(&disk).anchored().unwrap();
        assert!(!found.flaws.is_empty() || found.anchored != all, "{at}");
    }
}

#[test]
fn what_was_anchored_is_in_the_log_or_not() {
    let disk = FaultyDisk::new();
    let mut signed = Vec::new();
    let mut older = Vec::new();
    for n in [3, 300, 5] {
        written(&disk, &[n]);
        signed.push(evidence(&disk).last().unwrap().unwrap().checkpoint);
        older.push(disk.fork());
    }
    let standings = |disk: &FaultyDisk, log: &FaultyDisk| {
        evidence(disk).standings(&reading(log), &signed).unwrap()
    };
    let holds = Standing::Holds;
    assert_eq!(standings(&disk, &disk), [holds, holds, holds]);
    let bare = disk.fork();
    bare.paths().iter().filter(|it| it.starts_with(path("tiles"))).for_each(|it| bare.forget(it));
    assert_eq!(standings(&bare, &bare), [holds, holds, holds]);
    // The whole store, as it was.
    let back = [holds, holds, Standing::Fewer(303)];
    assert_eq!(standings(&older[1], &older[1]), back);
    // Without any checkpoint all is read.
    bare.forget(&path("checkpoints"));
    assert_eq!(standings(&bare, &bare), [holds, holds, holds]);
    // Another history, signed with the same key.
    let other = FaultyDisk::new();
    other.put(&path("keys/checkpoints.key"), &disk.content(&path("keys/checkpoints.key")).unwrap());
    let session = Session::open(&other, 4711).unwrap();
    session.append(400).unwrap();
    session.close().unwrap();
    assert_eq!(standings(&other, &other), [Standing::Other; 3]);
    assert_eq!(defects(&other), [""; 0], "nothing but an anchor shows it");
    let of = |origin: &str| Checkpoint { origin: origin.into(), ..signed[2].clone() };
    let odd = [of("posthold/store/other"), of("posthold/store/9c1f/epoch/2")];
    let found = evidence(&disk).standings(&reading(&disk), &odd).unwrap();
    assert_eq!(found, [Standing::Foreign, Standing::Later(2)]);
}

#[test]
fn what_was_given_up_is_told_apart() {
    let disk = FaultyDisk::new();
    written(&disk, &[30]);
    let older = disk.fork();
    let first = evidence(&disk).last().unwrap().unwrap().checkpoint;
    written(&disk, &[4]);
    let second = evidence(&disk).last().unwrap().unwrap().checkpoint;
    older.put(&path("checkpoints"), &disk.content(&path("checkpoints")).unwrap());
    let evidence = Evidence { epoch: 2, ..evidence(&older) };
    let log = std::sync::Arc::new(open_log(&older, &[], 9).unwrap());
    let (checkpointer, _) = Checkpointer::start(&evidence, &log, random(4), untold()).unwrap();
    drop(checkpointer);
    log.close().unwrap();
    let found = evidence.standings(&reading(&older), &[first, second]).unwrap();
    assert_eq!(found, [Standing::Holds, Standing::GivenUp(2)]);
}
