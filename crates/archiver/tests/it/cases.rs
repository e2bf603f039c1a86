//! One test per case of the contract of a source, and per way of losing mail that others know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use archiver::RetryQuarantined;
use expect_test::{Expect, expect};
use ports::{LogErrorKind, SourceErrorKind, SpecialUse};

use crate::fakes::{Answer, ServerKind, mail};
use crate::world::{World, scope, show};

fn check(actual: &str, want: &Expect) {
    want.assert_eq(actual);
}

/// One run, and what it leaves.
async fn run(world: &World, report: Expect, archive: Expect) {
    check(&show(&world.run().await), &report);
    check(&world.archive(), &archive);
}

mod plain {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_first_run_takes_everything_and_a_second_is_silent() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.server.deliver_all("Sent", "d");
        world.server.create("Empty");
        run(
            &world,
            expect![[r#"
            Succeeded
            Empty: 0 = 0 archived + 0 already, complete
            INBOX: 3 = 3 archived + 0 already, complete
            Sent: 1 = 1 archived + 0 already, complete
        "#]],
            expect![[r#"
            Empty: 
            INBOX: a@101.1 b@101.2 c@101.3
            Sent: d@102.1
        "#]],
        )
        .await;
        world.server.seen();
        world.assert_silent().await;
        check(
            &world.server.seen(),
            &expect![[r#"
            connect
            list"#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_modseq_only_uids_are_listed_again() {
        let world = World::new(ServerKind::Plain);
        world.server.deliver_all("INBOX", "a b");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 2 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2
        "#]],
        )
        .await;
        world.server.seen();
        world.assert_silent().await;
        check(
            &world.server.seen(),
            &expect![[r#"
            connect
            list
            open INBOX"#]],
        );
    }

    /// What is new is what the list has and the archive has not, by UID, never by date.
    #[tokio::test(start_paused = true)]
    async fn w06_w35_only_new_messages_are_fetched() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.run().await;
        world.server.deliver_all("INBOX", "c");
        world.server.bodies();
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 1 archived + 2 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3
        "#]],
        )
        .await;
        assert_eq!(world.server.bodies(), 1);
        world.assert_silent().await;
    }

    /// UIDs with gaps are no counter.
    #[tokio::test(start_paused = true)]
    async fn w05_gaps_between_uids_do_no_harm() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.renumber("INBOX", 7, 4_000_000_000);
        world.server.deliver_all("INBOX", "b");
        world.server.state().mailboxes.get_mut("INBOX").unwrap().uid_next = 4_294_967_290;
        world.server.deliver_all("INBOX", "c");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 3 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@7.4000000000 b@7.4000000001 c@7.4294967290
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// A changed flag makes the mailbox differ, and nothing else.
    #[tokio::test(start_paused = true)]
    async fn a_touched_mailbox_is_compared_and_nothing_fetched() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.run().await;
        world.server.touch("INBOX");
        world.server.bodies();
        world.server.seen();
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 0 archived + 2 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2
        "#]],
        )
        .await;
        check(
            &world.server.seen(),
            &expect![[r#"
            connect
            list
            open INBOX"#]],
        );
        world.assert_silent().await;
    }

    /// The bytes decide, not the Message-ID.
    #[tokio::test(start_paused = true)]
    async fn w11_w12_w13_message_ids_never_decide_identity() {
        let world = World::full();
        let with =
            |body: &str| format!("Subject: {body}\r\nMessage-ID: <x@y>\r\n\r\n{body}").into_bytes();
        world.server.deliver("INBOX", with("first"));
        world.server.deliver("INBOX", with("second"));
        world.server.deliver("INBOX", b"Subject: none\r\n\r\n1".to_vec());
        world.server.deliver("INBOX", b"Subject: none\r\n\r\n2".to_vec());
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 4 = 4 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: first@101.1 none@101.3 none@101.4 second@101.2
        "#]],
        )
        .await;
    }

    /// Hostile mail is data.
    #[tokio::test(start_paused = true)]
    async fn w14_w22_w29_any_bytes_are_a_message() {
        let world = World::full();
        for bytes in [
            &b""[..],
            b"\0\xff\xfe",
            b"no header at all",
            b"Message-ID: <",
            &[b'x'; 70_000],
            &b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n".repeat(50),
        ] {
            world.server.deliver("INBOX", bytes.to_vec());
        }
        run(&world, expect![[r#"
            Succeeded
            INBOX: 6 = 6 archived + 0 already, complete
        "#]], expect![[r#"
            INBOX: [0 bytes]@101.1 [13 bytes]@101.4 [16 bytes]@101.3 [2500 bytes]@101.6 [3 bytes]@101.2 [70000 bytes]@101.5
        "#]]).await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn large_messages_come_in_pieces() {
        let world = World::full();
        let large = |len: usize| {
            let mut bytes = mail("large");
            bytes.extend((0..len).map(|it| (it / 977 % 251) as u8));
            bytes
        };
        // One blob, chunks from memory, chunks while it comes, longer than the parser takes.
        for len in [100_000, 600_000, 3 << 20, 9 << 20] {
            world.server.deliver("INBOX", large(len));
        }
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 4 = 4 archived + 0 already, complete
        "#]],
        );
        let sizes: Vec<u64> = world.catalog.rows().messages.values().map(|it| it.1).collect();
        assert_eq!(sizes.len(), 4);
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn many_messages_over_two_connections() {
        let world = World::full();
        for mailbox in ["INBOX", "Lists", "Sent"] {
            for index in 0..700 {
                world.server.deliver(mailbox, mail(&format!("{mailbox}{index}")));
            }
        }
        let most = AtomicU64::new(0);
        let report = world
            .run_with(|it| {
                most.fetch_max(it.messages_done, Ordering::Relaxed);
            })
            .await;
        check(
            &show(&report),
            &expect![[r#"
            Succeeded
            INBOX: 700 = 700 archived + 0 already, complete
            Lists: 700 = 700 archived + 0 already, complete
            Sent: 700 = 700 archived + 0 already, complete
        "#]],
        );
        assert_eq!(most.load(Ordering::Relaxed), 2100);
        assert_eq!(world.server.seen().matches("connect").count(), 2);
        world.assert_silent().await;
    }

    /// The same with threads, and in a task that may go from one to another.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_messages_on_two_threads() {
        let world = World::full();
        for index in 0..1500 {
            world.server.deliver("INBOX", mail(&format!("{}", index % 1000)));
            world.server.deliver("Sent", mail(&format!("{}", index / 2)));
        }
        let (world, report) = tokio::spawn(async move {
            let report = world.run().await;
            (world, report)
        })
        .await
        .unwrap();
        assert_eq!((report.outcome, report.counts.archived), (ledger::Outcome::Succeeded, 3000));
        assert_eq!(world.catalog.rows().placements.len(), 1750);
        world.assert_silent().await;
    }

    /// A server that takes only one connection is archived over that one.
    #[tokio::test(start_paused = true)]
    async fn one_connection_is_enough() {
        let world = World::full();
        world.server.state().connections_max = 1;
        for index in 0..300 {
            world.server.deliver("INBOX", mail(&format!("{index}")));
        }
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 300 = 300 archived + 0 already, complete
        "#]],
        );
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_budget_is_enough() {
        let mut world = World::full();
        world.options.limits.in_flight_bytes_max = 1000;
        for index in 0..300 {
            world.server.deliver("INBOX", mail(&format!("{index}")));
        }
        world.server.deliver("INBOX", vec![b'x'; 200_000]);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 301 = 301 archived + 0 already, complete
        "#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn runs_that_share_a_small_budget_all_end() {
        let shared = archiver::Shared::new(1000);
        let mut worlds: Vec<World> = (0..3).map(|_| World::full()).collect();
        for world in &mut worlds {
            world.options.shared = Some(shared.clone());
            for index in 0..100 {
                world.server.deliver("INBOX", mail(&format!("{index}")));
            }
            world.server.deliver("INBOX", vec![b'x'; 200_000]);
        }
        let [one, two, three] = &worlds[..] else { unreachable!() };
        let reports = tokio::join!(one.run(), two.run(), three.run());
        for report in [reports.0, reports.1, reports.2] {
            check(
                &show(&report),
                &expect![[r#"
                    Succeeded
                    INBOX: 101 = 101 archived + 0 already, complete
                "#]],
            );
        }
    }

    /// Root and archive decide what is there already.
    #[tokio::test(start_paused = true)]
    async fn another_root_is_another_tree() {
        let mut world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.run().await;
        world.options.target.root = "other".into();
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 2 = 2 archived + 0 already, complete
        "#]],
        );
        world.assert_silent().await;
        world.options.target.root = "alice@example.org".into();
        world.assert_silent().await;
    }
}

mod placing {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moved_message_moves_its_placement() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.create("Done");
        world.run().await;
        world.server.move_to("INBOX", 1, "Done");
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 1 = 0 archived + 1 already, complete
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            Done: a@102.1
            INBOX: b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_copied_message_has_two_placements() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.create("Done");
        world.run().await;
        world.server.copy("INBOX", 1, "Done");
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 1 = 0 archived + 1 already, complete
            INBOX: 2 = 0 archived + 2 already, complete
        "#]],
            expect![[r#"
            Done: a@102.1
            INBOX: a@101.1 b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_in_the_first_run_is_placed_twice_and_stored_once() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.create("Done");
        world.server.copy("INBOX", 1, "Done");
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 1 = 1 archived + 0 already, complete
            INBOX: 1 = 1 archived + 0 already, complete
        "#]],
            expect![[r#"
            Done: a@102.1
            INBOX: a@101.1
        "#]],
        )
        .await;
        assert_eq!(world.catalog.rows().messages.len(), 1);
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_message_stays() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.run().await;
        world.server.expunge("INBOX", 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: a@- b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_moved_out_of_scope_stays_and_comes_back_as_itself() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.create("Trash");
        world.server.create("Done");
        world.run().await;
        let uid = world.server.move_to("INBOX", 1, "Trash");
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 0 = 0 archived + 0 already, complete
            INBOX: 1 = 0 archived + 1 already, complete
            out: Trash 1: Trash is left out by default
        "#]],
            expect![[r#"
            Done: 
            INBOX: a@- b@101.2
        "#]],
        )
        .await;
        world.server.move_to("Trash", uid, "Done");
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 1 = 0 archived + 1 already, complete
            INBOX: 1 = 0 archived + 1 already, complete
            out: Trash 0: Trash is left out by default
        "#]],
            expect![[r#"
            Done: a@103.1
            INBOX: b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_bytes_twice_in_one_folder_are_one_placement() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a a b");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 3 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1+101.2 b@101.3
        "#]],
        )
        .await;
        world.server.deliver_all("INBOX", "b");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 4 = 0 archived + 4 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1+101.2 b@101.3+101.4
        "#]],
        )
        .await;
        world.server.expunge("INBOX", 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 0 archived + 3 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.2 b@101.3+101.4
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// Copies far apart: the first one is acknowledged, the catalog may not show it yet.
    #[tokio::test(start_paused = true)]
    async fn repeated_messages_in_a_long_run_are_placed_once() {
        let world = World::full();
        for index in 0..1000 {
            world.server.deliver("INBOX", mail(&format!("{}", index % 50)));
        }
        let report = world.run().await;
        check(
            &show(&report),
            &expect![[r#"
            Succeeded
            INBOX: 1000 = 1000 archived + 0 already, complete
        "#]],
        );
        assert_eq!(world.catalog.rows().placements.len(), 50);
        assert_eq!(world.catalog.rows().refs.len(), 1000);
        world.assert_silent().await;
    }

    /// The move is seen though another mailbox could not be read in that run.
    #[tokio::test(start_paused = true)]
    async fn a_move_is_seen_when_the_new_mailbox_opens_later() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.create("Done");
        world.run().await;
        world.server.move_to("INBOX", 1, "Done");
        let kinds = [SourceErrorKind::Mailbox].into();
        world.server.state().locked.insert("Done".into(), kinds);
        run(
            &world,
            expect![[r#"
            Partial
            Done: 1 = 0 archived + 0 already, INCOMPLETE: the server failed (Mailbox)
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            Done: 
            INBOX: a@- b@101.2
        "#]],
        )
        .await;
        run(
            &world,
            expect![[r#"
            Succeeded
            Done: 1 = 0 archived + 1 already, complete
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            Done: a@102.1
            INBOX: b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// What files put into a folder does not leave it because a mailbox has it elsewhere.
    #[tokio::test(start_paused = true)]
    async fn an_imported_placement_does_not_move() {
        use crate::fakes::{Script, ScriptedReader};
        let world = World::full();
        let script = Script::Message { path: "a.eml".into(), below: vec![], bytes: mail("a") };
        world.import_to(ScriptedReader::of([script]), Some("Old")).await;
        world.server.deliver_all("INBOX", "a");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1
            Old: a@-
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn messages_swap_folders() {
        let world = World::full();
        world.server.deliver_all("A", "a");
        world.server.deliver_all("B", "b");
        world.run().await;
        let a = world.server.move_to("A", 1, "B");
        let b = world.server.move_to("B", 1, "A");
        assert_eq!((a, b), (2, 2));
        run(
            &world,
            expect![[r#"
            Succeeded
            A: 1 = 0 archived + 1 already, complete
            B: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            A: b@101.2
            B: a@102.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }
}

mod epochs {
    use super::*;

    /// Another UIDVALIDITY, greater, smaller, and one that was there before.
    #[tokio::test(start_paused = true)]
    async fn w01_a_renumbered_mailbox_is_recognised() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e f g h i j k l");
        world.run().await;
        for (uid_validity, first) in [(500, 100), (50, 1), (500, 1)] {
            world.server.renumber("INBOX", uid_validity, first);
            world.server.deliver("INBOX", mail(&format!("new{uid_validity}{first}")));
            world.server.bodies();
            let report = world.run().await;
            assert_eq!(world.server.bodies(), 4, "a sample of three, and the new one");
            assert_eq!((report.counts.archived, report.counts.quarantined), (1, 0));
            world.assert_silent().await;
        }
        check(
            &world.archive(),
            &expect![[r#"
            INBOX: a@500.1 b@500.2 c@500.3 d@500.4 e@500.5 f@500.6 g@500.7 h@500.8 i@500.9 j@500.10 k@500.11 l@500.12 new500100@500.13 new5001@500.15 new501@500.14
        "#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn other_messages_under_another_uidvalidity_are_kept_beside_the_old_ones() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.run().await;
        world.server.delete("INBOX");
        world.server.deliver_all("INBOX", "c");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 1 archived + 0 already, complete
            warning: INBOX: the server renumbered the mailbox; 0 messages are recognised, 1 fetched
        "#]],
            expect![[r#"
            INBOX: a@- b@- c@102.1
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// Messages that look the same but are not: the sample shows it, and all are fetched.
    #[tokio::test(start_paused = true)]
    async fn looks_are_checked_by_a_sample() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.run().await;
        {
            let mut state = world.server.state();
            let inbox = state.mailboxes.get_mut("INBOX").unwrap();
            for stored in inbox.messages.values_mut() {
                *stored.bytes.last_mut().unwrap() = b'!';
            }
        }
        world.server.renumber("INBOX", 9, 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 3 archived + 0 already, complete
            warning: INBOX: the server renumbered the mailbox; 0 messages are recognised, 3 fetched
        "#]],
            expect![[r#"
            INBOX: a@- a@9.1 b@- b@9.2 c@- c@9.3
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// Sizes that the server estimates match nothing: everything is fetched, nothing added.
    #[tokio::test(start_paused = true)]
    async fn estimated_sizes_cost_bytes_and_nothing_else() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        for uid in 1..=3 {
            world.server.announce("INBOX", uid, 10);
        }
        world.run().await;
        world.server.renumber("INBOX", 9, 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 0 archived + 3 already, complete
            warning: INBOX: the server renumbered the mailbox; 0 messages are recognised, 3 fetched
        "#]],
            expect![[r#"
            INBOX: a@9.1 b@9.2 c@9.3
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_renumbering_goes_on() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e f");
        world.run().await;
        world.server.renumber("INBOX", 9, 1);
        for appends in 0..4 {
            world.log.fail_after(appends, LogErrorKind::Stopped);
            world.run().await;
            world.log.reopen();
        }
        world.run().await;
        check(
            &world.archive(),
            &expect![[r#"
            INBOX: a@9.1 b@9.2 c@9.3 d@9.4 e@9.5 f@9.6
        "#]],
        );
        world.assert_silent().await;
    }

    /// UIDs made of names: every run lists all, fetches what is new, and tells no cursor.
    #[tokio::test(start_paused = true)]
    async fn names_have_no_order_and_no_cursor() {
        let world = World::new(ServerKind::Named);
        world.server.deliver_all("INBOX", "a b c d");
        world.server.name_anew("INBOX", 1);
        world.run().await;
        world.assert_silent().await;
        world.server.deliver_all("INBOX", "e");
        let first = *world.server.state().mailboxes["INBOX"].messages.keys().last().unwrap();
        world.server.expunge("INBOX", first);
        world.server.bodies();
        let report = world.run().await;
        assert_eq!((world.server.bodies(), report.counts.archived), (1, 1));
        assert_eq!(report.warnings, Vec::<String>::new());
        world.assert_silent().await;
        let is_cursor = |it: &String| it.contains("CursorAdvanced");
        let entries: Vec<String> =
            world.log.entries_from(0).iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(entries.iter().filter(|it| is_cursor(it)).count(), 0);
    }

    /// Also of a connection that broke; each once.
    #[tokio::test(start_paused = true)]
    async fn every_connection_is_heard() {
        let world = World::new(ServerKind::Full);
        world.server.deliver_all("INBOX", "a b");
        world.server.state().alerts = ["one", "two", "one"].into();
        let locked = [SourceErrorKind::Transient].into();
        world.server.state().locked.insert("INBOX".into(), locked);
        world.server.state().connections_max = 1;
        let report = world.run().await;
        assert_eq!(report.warnings, ["one", "two"]);
    }

    /// A list that lacks its end forgets nothing.
    #[tokio::test(start_paused = true)]
    async fn pop3_uidl_partial_no_forget() {
        let world = World::new(ServerKind::Named);
        world.server.deliver_all("INBOX", "a b c d");
        world.run().await;
        let before = world.archive();
        world.server.state().short_lists = 2;
        let report = world.run().await;
        assert_ne!(report.outcome, ledger::Outcome::Succeeded);
        assert_eq!(world.archive(), before);
        world.assert_silent().await;
    }

    /// Every name is another one: with headers almost nothing is fetched, without them all; either
    /// way nothing is archived twice.
    #[tokio::test(start_paused = true)]
    async fn pop3_uidl_scheme_change_adds_zero() {
        let labels: Vec<String> = (0..400).map(|it| format!("m{it}")).collect();
        for no_headers in [false, true] {
            let world = World::new(ServerKind::Named);
            world.server.deliver_all("INBOX", &labels.join(" "));
            world.run().await;
            let contents = world.contents();
            world.server.name_anew("INBOX", 77);
            world.server.deliver_all("INBOX", "new");
            world.server.state().no_headers = no_headers;
            world.server.bodies();
            let report = world.run().await;
            let counts = report.counts;
            assert_eq!((counts.archived, counts.already, counts.server_count), (1, 400, 401));
            let bodies = if no_headers { 401 } else { 5 };
            assert_eq!(world.server.bodies(), bodies, "a sample of four, and the new one");
            let said = "INBOX: the server names its messages anew; 400 messages are recognised, 1 \
                        fetched";
            let said: &[&str] = if no_headers { &[] } else { &[said] };
            assert_eq!(report.warnings, said);
            world.assert_silent().await;
            let mut now = world.contents();
            assert_eq!(now["INBOX"].len(), 401);
            let inbox = now.get_mut("INBOX").unwrap();
            inbox.retain(|it| contents["INBOX"].contains(it));
            assert_eq!(now, contents);
        }
    }

    /// Other messages under other names are other messages.
    #[tokio::test(start_paused = true)]
    async fn a_mailbox_that_was_emptied_and_filled_is_not_named_anew() {
        let world = World::new(ServerKind::Named);
        world.server.deliver_all("INBOX", "a b c d");
        world.run().await;
        let uids: Vec<u64> =
            world.server.state().mailboxes["INBOX"].messages.keys().copied().collect();
        uids.iter().for_each(|it| drop(world.server.expunge("INBOX", *it)));
        world.server.deliver_all("INBOX", "e f");
        let report = world.run().await;
        assert_eq!((report.counts.archived, report.counts.already), (2, 0));
        assert_eq!(world.contents()["INBOX"].len(), 6);
        world.assert_silent().await;
    }

    /// No UIDVALIDITY, and other UIDs on every pass.
    #[tokio::test(start_paused = true)]
    async fn w03_without_uidvalidity_every_pass_compares() {
        let world = World::new(ServerKind::Unnumbered);
        world.server.deliver_all("INBOX", "a b c d");
        run(&world, expect![[r#"
            Succeeded
            INBOX: 4 = 4 archived + 0 already, complete
            warning: INBOX: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
        "#]], expect![[r#"
            INBOX: a@0.15 b@0.16 c@0.17 d@0.18
        "#]]).await;
        world.server.deliver_all("INBOX", "e");
        let first = *world.server.state().mailboxes["INBOX"].messages.keys().next().unwrap();
        world.server.expunge("INBOX", first);
        world.server.bodies();
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 4 = 1 archived + 3 already, complete
        "#]],
            expect![[r#"
            INBOX: a@- b@0.30 c@0.31 d@0.32 e@0.33
        "#]],
        )
        .await;
        assert_eq!(world.server.bodies(), 4, "a sample of three, and the new one");
    }

    /// UIDs that mean something else in the middle of a run: never a success.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_renumbers_all_the_time_is_never_trusted() {
        let world = World::new(ServerKind::Restless);
        world.server.deliver_all("INBOX", "a b c d");
        world.server.deliver_all("Sent", "e f");
        world.server.deliver_all("Work", "g");
        check(
            &show(&world.run().await),
            &expect![[r#"
                Failed
                failure: Unavailable: INBOX: the server renumbered the mailbox during the run
                INBOX: 4 = 0 archived + 0 already, INCOMPLETE: the server renumbered the mailbox during the run
                Sent: 2 = 0 archived + 0 already, INCOMPLETE: the server renumbered the mailbox during the run
                Work: 1 = 0 archived + 0 already, INCOMPLETE: the server renumbered the mailbox during the run
                warning: INBOX: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
                warning: Sent: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
                warning: Work: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
            "#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stops_numbering_is_compared() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d");
        world.run().await;
        world.server.state().kind = ServerKind::Unnumbered;
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 4 = 0 archived + 4 already, complete
            warning: INBOX: the server renumbered the mailbox; 4 messages are recognised, 0 fetched
            warning: INBOX: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
        "#]],
        );
        world.server.state().kind = ServerKind::Plain;
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 4 = 0 archived + 4 already, complete
            warning: INBOX: the server renumbered the mailbox; 4 messages are recognised, 0 fetched
        "#]],
        );
        assert_eq!(world.catalog.rows().placements.len(), 4);
        world.assert_silent().await;
    }
}

mod names {
    use super::*;

    /// A renamed mailbox is the same messages at another place.
    #[tokio::test(start_paused = true)]
    async fn w34_a_renamed_mailbox_moves_its_messages() {
        let world = World::full();
        world.server.deliver_all("INBOX", "x");
        world.server.deliver_all("Work", "a b b c d");
        world.server.deliver_all("Work/Sub", "e");
        world.run().await;
        world.server.rename("Work", "Job");
        world.server.rename("Work/Sub", "Job/Sub");
        world.server.deliver_all("Job", "new");
        world.server.bodies();
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
            Job: 6 = 1 archived + 5 already, complete
            Job/Sub: 1 = 0 archived + 1 already, complete
            warning: Work: renamed to Job; 5 messages are moved
            warning: Work/Sub: renamed to Job/Sub; 1 message is moved
        "#]],
            expect![[r#"
            INBOX: x@101.1
            Job: a@102.1 b@102.2+102.3 c@102.4 d@102.5 new@102.6
            Job/Sub: e@103.1
            Work: 
            Work/Sub: 
        "#]],
        )
        .await;
        assert_eq!(world.server.bodies(), 1);
        world.assert_silent().await;
    }

    /// The number alone proves nothing: servers make it of the time.
    #[tokio::test(start_paused = true)]
    async fn an_equal_uidvalidity_alone_is_no_rename() {
        let world = World::full();
        world.server.deliver_all("INBOX", "x");
        world.server.deliver_all("Work", "a b c");
        world.run().await;
        let uid_validity = world.server.state().mailboxes["Work"].uid_validity;
        world.server.delete("Work");
        world.server.deliver_all("Other", "p q r s");
        world.server.renumber("Other", uid_validity, 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
            Other: 4 = 4 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: x@101.1
            Other: p@102.1 q@102.2 r@102.3 s@102.4
            Work: a@- b@- c@-
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn mailboxes_that_swap_names() {
        let world = World::full();
        world.server.deliver_all("A", "a b c");
        world.server.deliver_all("B", "d e f");
        world.run().await;
        world.server.rename("A", "C");
        world.server.rename("B", "A");
        world.server.rename("C", "B");
        run(
            &world,
            expect![[r#"
            Succeeded
            A: 3 = 0 archived + 3 already, complete
            B: 3 = 0 archived + 3 already, complete
            warning: A: the server renumbered the mailbox; 0 messages are recognised, 3 fetched
            warning: B: the server renumbered the mailbox; 0 messages are recognised, 3 fetched
        "#]],
            expect![[r#"
            A: d@102.1 e@102.2 f@102.3
            B: a@101.1 b@101.2 c@101.3
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_mailbox_stays_archived() {
        let world = World::full();
        world.server.deliver_all("INBOX", "x");
        world.server.deliver_all("Work", "a b");
        world.run().await;
        world.server.delete("Work");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: x@101.1
            Work: a@- b@-
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// An incomplete list is no proof that a mailbox is gone.
    #[tokio::test(start_paused = true)]
    async fn a_mailbox_that_is_not_listed_but_opens_is_archived() {
        let world = World::full();
        world.server.deliver_all("INBOX", "x");
        world.server.deliver_all("Work", "a b");
        world.run().await;
        world.server.state().mailboxes.get_mut("Work").unwrap().listed = false;
        world.server.deliver_all("Work", "c");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
            Work: 3 = 1 archived + 2 already, complete
            warning: Work: the server does not list it, but opens it
        "#]],
            expect![[r#"
            INBOX: x@101.1
            Work: a@102.1 b@102.2 c@102.3
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_list_is_a_failure() {
        let world = World::full();
        world.server.deliver_all("INBOX", "x");
        world.run().await;
        world.server.state().mailboxes.get_mut("INBOX").unwrap().listed = false;
        run(
            &world,
            expect![[r#"
            Failed
            failure: Protocol: the server listed no mailbox
        "#]],
            expect![[r#"
            INBOX: x@101.1
        "#]],
        )
        .await;
    }

    /// Two spellings of one folder, and INBOX in another case.
    #[tokio::test(start_paused = true)]
    async fn two_spellings_are_one_folder() {
        let world = World::full();
        world.server.deliver_all("Entw\u{fc}rfe 2", "a b");
        world.server.deliver_all("Entwu\u{308}rfe 2", "b c");
        world.server.deliver_all("inbox", "d");
        run(
            &world,
            expect![[r#"
            Succeeded
            Entwürfe 2: 2 = 2 archived + 0 already, complete
            Entwürfe 2: 2 = 2 archived + 0 already, complete
            inbox: 1 = 1 archived + 0 already, complete
        "#]],
            expect![[r#"
            Entwürfe 2: a@101.1 b@102.1+101.2 c@102.2
            INBOX: d@103.1
        "#]],
        )
        .await;
        world.assert_silent().await;
        world.server.rename("inbox", "INBOX");
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn folders_out_of_scope_are_told_with_their_counts() {
        let mut world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.deliver_all("Deleted", "b c");
        world.server.deliver_all("Papierkorb/Alt", "d");
        world.server.deliver_all("Private", "e f g");
        world.server.state().mailboxes.get_mut("Private").unwrap().special_use =
            Some(SpecialUse::Junk);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 1 archived + 0 already, complete
            out: Deleted 2: Trash is left out by default
            out: Papierkorb/Alt 1: Trash is left out by default
            out: Private 3: Junk is left out by default
        "#]],
            expect![[r#"
            INBOX: a@101.1
        "#]],
        )
        .await;
        world.assert_silent().await;
        world.options.scope = scope(&["INBOX", "Nowhere"], &[]);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
            out: Deleted 2: not in the include list
            out: Papierkorb/Alt 1: not in the include list
            out: Private 3: not in the include list
            warning: no mailbox matches Nowhere of the include list
        "#]],
            expect![[r#"
            INBOX: a@101.1
        "#]],
        )
        .await;
        world.options.scope = scope(&["Nowhere"], &[]);
        run(
            &world,
            expect![[r#"
            Failed
            failure: Configuration: no mailbox of the account is in scope
            out: Deleted 2: not in the include list
            out: INBOX 1: not in the include list
            out: Papierkorb/Alt 1: not in the include list
            out: Private 3: not in the include list
            warning: no mailbox matches Nowhere of the include list
        "#]],
            expect![[r#"
            INBOX: a@101.1
        "#]],
        )
        .await;
    }

    /// Another scope lists everything again, and fetches nothing twice.
    #[tokio::test(start_paused = true)]
    async fn a_changed_scope_compares_again() {
        let mut world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.deliver_all("Other", "b");
        world.run().await;
        world.options.scope = scope(&[], &["Other"]);
        world.server.seen();
        world.server.bodies();
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
            out: Other 1: in the exclude list: Other
        "#]],
            expect![[r#"
            INBOX: a@101.1
            Other: b@102.1
        "#]],
        )
        .await;
        check(
            &world.server.seen(),
            &expect![[r#"
            connect
            list
            open INBOX"#]],
        );
        assert_eq!(world.server.bodies(), 0);
        world.assert_silent().await;
    }
}

mod answers {
    use super::*;

    /// Silence, NIL, a refusal and missing bytes are asked for again, singly, and then
    /// kept in quarantine with their reason. The others come.
    #[tokio::test(start_paused = true)]
    async fn w07_w08_four_bad_answers_are_four_reasons() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e f");
        world.server.deliver_all("Other", "g h");
        for (uid, answer) in [(1, Answer::Omit), (2, Answer::Nil), (4, Answer::Cut)] {
            world.server.spoil("INBOX", uid, &[answer, answer]);
        }
        world.server.spoil("Other", 1, &[Answer::Refuse, Answer::Refuse]);
        run(&world, expect![[r#"
            Partial
            INBOX: 6 = 3 archived + 0 already + 3 quarantined, INCOMPLETE
            Other: 2 = 1 archived + 0 already + 1 quarantined, INCOMPLETE
            warning: INBOX: UID 2 could not be fetched and will be tried again: NIL in place of the message
            warning: INBOX: UID 4 could not be fetched and will be tried again: ended early
            warning: INBOX: UID 1 could not be fetched and will be tried again: left out of the answer
            warning: Other: UID 1 could not be fetched and will be tried again: not today
        "#]], expect![[r#"
            INBOX: c@101.3 e@101.5 f@101.6
            Other: h@102.2
            quarantine: INBOX 101.1 Omitted tried 1
            quarantine: INBOX 101.2 Nil tried 1
            quarantine: INBOX 101.4 Truncated tried 1
            quarantine: Other 102.1 Refused tried 1
        "#]]).await;
        check(
            &world.server.seen(),
            &expect![[r#"
            connect
            list
            open INBOX
            open Other
            open INBOX
            fetch INBOX 6
            fetch INBOX 1
            fetch INBOX 1
            fetch INBOX 1
            open INBOX
            open Other
            fetch Other 2
            fetch Other 1
            open Other"#]],
        );
        // They are tried again by the next run, and found well.
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 6 = 3 archived + 3 already, complete
            Other: 2 = 1 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3 d@101.4 e@101.5 f@101.6
            Other: g@102.1 h@102.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_second_answer_is_enough() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e f");
        let answers = [
            Answer::Omit,
            Answer::Nil,
            Answer::Refuse,
            Answer::Cut,
            Answer::Empty,
            Answer::Short(9),
        ];
        for (uid, answer) in (1..).zip(answers) {
            world.server.spoil("INBOX", uid, &[answer]);
        }
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 6 = 6 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3 d@101.4 e@101.5 f@101.6
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// The pause before another try grows; somebody who asks for a run does not wait.
    #[tokio::test(start_paused = true)]
    async fn w10_quarantine_rests_longer_each_time() {
        let mut world = World::full();
        world.server.deliver_all("INBOX", "a b");
        for _ in 0..2 {
            world.server.spoil("INBOX", 1, &[Answer::Omit, Answer::Omit]);
            world.run().await;
        }
        world.server.bodies();
        let entries = world.log.entries_from(0).len();
        run(
            &world,
            expect![[r#"
                Partial
                INBOX: 2 = 0 archived + 1 already + 1 quarantined, INCOMPLETE
                warning: INBOX: 1 message is in quarantine, not tried by this run
            "#]],
            expect![[r#"
            INBOX: b@101.2
            quarantine: INBOX 101.1 Omitted tried 2
        "#]],
        )
        .await;
        assert_eq!(world.log.entries_from(0).len(), entries, "nothing new is told");
        assert_eq!(world.server.bodies(), 0);
        world.later(299);
        assert_eq!(world.run().await.counts.quarantined, 1);
        world.later(1);
        world.server.spoil("INBOX", 1, &[Answer::Nil, Answer::Nil]);
        run(&world, expect![[r#"
            Partial
            INBOX: 2 = 0 archived + 1 already + 1 quarantined, INCOMPLETE
            warning: INBOX: UID 1 could not be fetched and will be tried again: NIL in place of the message
        "#]], expect![[r#"
            INBOX: b@101.2
            quarantine: INBOX 101.1 Nil tried 3
        "#]]).await;
        world.options.quarantine = RetryQuarantined::All;
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 1 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// An empty message is a message when the server announces none of its bytes. Against
    /// an announced size, nothing is never believed.
    #[tokio::test(start_paused = true)]
    async fn w08_empty_messages() {
        let world = World::full();
        world.server.deliver("INBOX", Vec::new());
        world.server.deliver_all("INBOX", "a b");
        world.server.spoil("INBOX", 2, &[Answer::Empty; 2]);
        world.server.spoil("INBOX", 3, &[Answer::Empty, Answer::Short(5), Answer::Short(6)]);
        run(&world, expect![[r#"
            Partial
            INBOX: 3 = 1 archived + 0 already + 2 quarantined, INCOMPLETE
            warning: INBOX: UID 2 could not be fetched and will be tried again: 0 bytes came of 83 that were announced
            warning: INBOX: UID 3 could not be fetched and will be tried again: 5 bytes came of 83 that were announced
        "#]], expect![[r#"
            INBOX: [0 bytes]@101.1
            quarantine: INBOX 101.2 Truncated tried 1
            quarantine: INBOX 101.3 Truncated tried 1
        "#]]).await;
        for _ in 0..4 {
            world.later(100_000);
            world.server.spoil("INBOX", 2, &[Answer::Empty; 2]);
            assert_eq!(world.run().await.outcome, ledger::Outcome::Partial);
        }
        world.later(100_000);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 1 archived + 2 already, complete
        "#]],
            expect![[r#"
            INBOX: [0 bytes]@101.1 a@101.2 b@101.3
        "#]],
        )
        .await;
    }

    /// More bytes than announced are fine. Fewer are believed only when it stays so.
    #[tokio::test(start_paused = true)]
    async fn an_announced_size_is_only_a_hint() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.server.announce("INBOX", 1, 10_000);
        world.server.announce("INBOX", 2, 1);
        run(&world, expect![[r#"
            Partial
            INBOX: 3 = 2 archived + 0 already + 1 quarantined, INCOMPLETE
            warning: INBOX: UID 1 could not be fetched and will be tried again: 83 bytes came of 10000 that were announced
        "#]], expect![[r#"
            INBOX: b@101.2 c@101.3
            quarantine: INBOX 101.1 Truncated tried 1
        "#]]).await;
        assert_eq!(world.run().await.outcome, ledger::Outcome::Partial);
        world.later(300);
        run(&world, expect![[r#"
            Succeeded
            INBOX: 3 = 1 archived + 2 already, complete
            warning: INBOX: 1 message is shorter than the server says; the same bytes came twice and were taken
        "#]], expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3
        "#]]).await;
        world.assert_silent().await;
    }

    /// A server that cuts messages off in good form must not make us believe it.
    #[tokio::test(start_paused = true)]
    async fn a_message_cut_in_good_form_is_not_taken() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d");
        world.server.spoil("INBOX", 2, &[Answer::Short(50); 4]);
        for _ in 0..2 {
            assert_eq!(world.run().await.outcome, ledger::Outcome::Partial);
        }
        world.later(300);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 4 = 1 archived + 3 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3 d@101.4
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// Where most sizes are estimates, a second look is enough.
    #[tokio::test(start_paused = true)]
    async fn estimated_sizes_are_seen_as_such() {
        let world = World::full();
        for index in 0..30 {
            let uid = world.server.deliver("INBOX", mail(&format!("{index}")));
            world.server.announce("INBOX", uid, 75 + index);
        }
        let large = [mail("large"), vec![b'x'; 2 << 20]].concat();
        world.server.deliver("INBOX", large);
        world.server.announce("INBOX", 31, 3 << 20);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 31 = 31 archived + 0 already, complete
            warning: INBOX: 20 messages are shorter than the server says; the same bytes came twice and were taken
        "#]],
        );
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_over_the_limit_is_not_asked_for_twice() {
        let mut world = World::full();
        world.options.limits.message_bytes_max = 2 << 20;
        world.server.deliver("INBOX", [mail("large"), vec![b'x'; 4 << 20]].concat());
        world.server.deliver_all("INBOX", "a");
        run(&world, expect![[r#"
            Partial
            INBOX: 2 = 1 archived + 0 already + 1 quarantined, INCOMPLETE
            warning: INBOX: UID 1 could not be fetched and will be tried again: larger than the limit for one message
        "#]], expect![[r#"
            INBOX: a@101.2
            quarantine: INBOX 101.1 TooLarge tried 1
        "#]]).await;
        assert_eq!(world.server.bodies(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_twice_is_taken_once() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.spoil("INBOX", 1, &[Answer::Twice]);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 2 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// Expunged between the list and the fetch: it is not there, and nothing is missing.
    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_expunged_meanwhile_is_not_missing() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.server.spoil("INBOX", 2, &[Answer::Expunge]);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 2 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 c@101.3
        "#]],
        )
        .await;
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 2 = 0 archived + 2 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 c@101.3
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_quarantined_message_that_is_expunged_is_over() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b");
        world.server.spoil("INBOX", 1, &[Answer::Nil, Answer::Nil]);
        world.run().await;
        world.server.expunge("INBOX", 1);
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: b@101.2
        "#]],
        )
        .await;
        world.assert_silent().await;
    }
}

mod failures {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broken_connection_is_made_again() {
        let world = World::full();
        for index in 0..40 {
            world.server.deliver("INBOX", mail(&format!("{index}")));
        }
        for uid in [5, 6, 30] {
            world.server.spoil("INBOX", uid, &[Answer::Break]);
        }
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 40 = 40 archived + 0 already, complete
        "#]],
        );
        world.assert_silent().await;
    }

    /// One message at which the server dies does not stop the others.
    #[tokio::test(start_paused = true)]
    async fn w09_a_message_that_kills_the_connection_is_set_aside() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e");
        world.server.spoil("INBOX", 3, &[Answer::Break; 6]);
        run(&world, expect![[r#"
            Partial
            INBOX: 5 = 4 archived + 0 already + 1 quarantined, INCOMPLETE
            warning: INBOX: UID 3 could not be fetched and will be tried again: the server failed (Transient)
        "#]], expect![[r#"
            INBOX: a@101.1 b@101.2 d@101.4 e@101.5
            quarantine: INBOX 101.3 Truncated tried 1
        "#]]).await;
        world.server.heal();
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 5 = 1 archived + 4 already, complete
        "#]],
        );
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_dies_at_every_message_is_left_for_the_next_run() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c d e f");
        world.server.deliver_all("Sent", "g");
        for uid in 2..=6 {
            world.server.spoil("INBOX", uid, &[Answer::Break; 20]);
        }
        run(
            &world,
            expect![[r#"
            Partial
            INBOX: 6 = 1 archived + 0 already, INCOMPLETE: the server failed (Transient)
            Sent: 1 = 1 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1
            Sent: g@102.1
        "#]],
        )
        .await;
        world.server.heal();
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 6 = 5 archived + 1 already, complete
            Sent: 1 = 0 archived + 1 already, complete
        "#]],
        );
        world.assert_silent().await;
    }

    /// A pause that the server asks for is not a wrong password and not success.
    #[tokio::test(start_paused = true)]
    async fn w20_throttling_waits_and_then_gives_up() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.server.spoil("INBOX", 2, &[Answer::Throttle, Answer::Throttle]);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 3 = 3 archived + 0 already, complete
        "#]],
        );
        world.server.deliver_all("INBOX", "d e");
        world.server.spoil("INBOX", 5, &[Answer::Throttle; 50]);
        run(&world, expect![[r#"
            Partial
            failure: Throttled: the server failed (Throttled { retry_after: None })
            INBOX: 5 = 1 archived + 3 already, INCOMPLETE: the server failed (Throttled { retry_after: None })
        "#]], expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3 d@101.4
        "#]]).await;
        let asked = SourceErrorKind::Throttled { retry_after: Some(Duration::from_secs(3600)) };
        world.server.heal();
        world.server.state().refused.push_back(asked);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Partial
            failure: Throttled: the server failed (Throttled { retry_after: Some(3600s) })
        "#]],
        );
    }

    /// A broken protocol ends this mailbox only, and its cursor stays.
    #[tokio::test(start_paused = true)]
    async fn w09_an_answer_that_cannot_be_understood_stops_its_mailbox() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a b c");
        world.server.deliver_all("Sent", "d");
        world.server.spoil("INBOX", 2, &[Answer::Garbage]);
        run(
            &world,
            expect![[r#"
            Partial
            INBOX: 3 = 1 archived + 0 already, INCOMPLETE: the server failed (Protocol)
            Sent: 1 = 1 archived + 0 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1
            Sent: d@102.1
        "#]],
        )
        .await;
        let certificates = {
            let rows = world.catalog.rows();
            rows.sources.keys().filter(|it| rows.certificate(**it).is_some()).count()
        };
        assert_eq!(certificates, 1, "only of the other mailbox");
        run(
            &world,
            expect![[r#"
            Succeeded
            INBOX: 3 = 2 archived + 1 already, complete
            Sent: 1 = 0 archived + 1 already, complete
        "#]],
            expect![[r#"
            INBOX: a@101.1 b@101.2 c@101.3
            Sent: d@102.1
        "#]],
        )
        .await;
        world.assert_silent().await;
    }

    /// A list that lacks a message would make it vanish, or never be fetched.
    #[tokio::test(start_paused = true)]
    async fn a_list_must_have_as_many_messages_as_the_mailbox() {
        for kind in [ServerKind::Full, ServerKind::Plain, ServerKind::Unnumbered] {
            let world = World::new(kind);
            world.server.deliver_all("INBOX", "a b c");
            world.server.state().short_lists = 1;
            assert_eq!(world.run().await.counts.archived, 3, "asked again");
            world.server.deliver_all("INBOX", "d");
            if kind != ServerKind::Full {
                world.server.state().short_lists = 2;
                let report = world.run().await;
                assert_eq!(report.outcome, ledger::Outcome::Failed, "{report:#?}");
                assert!(report.mailboxes[0].error.is_some());
                assert_eq!(world.catalog.rows().refs.len(), 3);
            }
            assert_eq!(world.run().await.counts.archived, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mailbox_that_may_not_be_read_does_not_stop_the_others() {
        let world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.deliver_all("Locked", "b");
        let kinds = [SourceErrorKind::Mailbox].into();
        world.server.state().locked.insert("Locked".into(), kinds);
        run(
            &world,
            expect![[r#"
            Partial
            INBOX: 1 = 1 archived + 0 already, complete
            Locked: 1 = 0 archived + 0 already, INCOMPLETE: the server failed (Mailbox)
        "#]],
            expect![[r#"
            INBOX: a@101.1
        "#]],
        )
        .await;
        world.run().await;
        world.assert_silent().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_helped_fails_at_once() {
        for kind in [SourceErrorKind::Credentials, SourceErrorKind::Configuration] {
            let world = World::full();
            world.server.deliver_all("INBOX", "a");
            world.server.state().refused.push_back(kind);
            let report = world.run().await;
            assert_eq!(report.outcome, ledger::Outcome::Failed);
            assert_eq!(world.server.seen(), "connect", "tried once");
            assert_eq!(world.log.entries_from(0).len(), 0);
            assert!(report.failure.is_some());
        }
        let world = World::full();
        world.server.deliver_all("INBOX", "a");
        world.server.state().refused.extend([SourceErrorKind::Transient; 3]);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Failed
            failure: Unavailable: the server failed (Transient)
        "#]],
        );
        world.server.state().refused.extend([SourceErrorKind::Transient; 2]);
        check(
            &show(&world.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 1 = 1 archived + 0 already, complete
        "#]],
        );
    }

    /// Nothing counts before it is durable. The log fails at every append in turn.
    #[tokio::test(start_paused = true)]
    async fn w04_w24_the_log_fails_at_each_append() {
        for kind in [LogErrorKind::DiskFull, LogErrorKind::Stopped] {
            for appends in 0..8 {
                let world = World::full();
                for index in 0..400 {
                    world.server.deliver("INBOX", mail(&format!("{index}")));
                    world.server.deliver("Sent", mail(&format!("{}", index + 200)));
                }
                world.log.fail_after(appends, kind);
                let report = world.run().await;
                if !world.log.reopen() {
                    assert_eq!(report.outcome, ledger::Outcome::Succeeded);
                    assert!(appends > 4, "{appends}");
                    continue;
                }
                assert_ne!(report.outcome, ledger::Outcome::Succeeded, "after {appends}");
                assert!(report.failure.is_some());
                let placed = world.catalog.rows().refs.len() as u64;
                assert!(report.counts.archived <= placed, "told more than is durable");
                let report = world.run().await;
                assert_eq!(report.outcome, ledger::Outcome::Succeeded);
                assert_eq!(world.catalog.rows().placements.len(), 800);
                world.assert_silent().await;
            }
        }
    }

    /// A run that is asked to end keeps what is durable; the next one goes on from there.
    #[tokio::test(start_paused = true)]
    async fn a_cancelled_run_is_continued() {
        for after in [0, 1, 100, 900] {
            let mut world = World::full();
            for index in 0..1500 {
                world.server.deliver("INBOX", mail(&format!("{index}")));
            }
            let cancel = world.options.cancel.clone();
            let report = world
                .run_with(|it| {
                    if it.messages_done >= after {
                        cancel.cancel();
                    }
                })
                .await;
            assert!(report.cancelled);
            assert_eq!(report.outcome, ledger::Outcome::Partial);
            let placed = world.catalog.rows().refs.len() as u64;
            assert_eq!(report.counts.archived, placed);
            world.options.cancel = archiver::CancelToken::new();
            let report = world.run().await;
            assert_eq!(report.outcome, ledger::Outcome::Succeeded);
            assert_eq!((report.counts.already, report.counts.archived), (placed, 1500 - placed));
            world.assert_silent().await;
        }
    }

    /// Whatever happens, the cursor never covers a message that is not archived.
    #[tokio::test(start_paused = true)]
    async fn w02_the_cursor_covers_only_what_is_durable() {
        let mut world = World::full();
        world.options.connections = std::num::NonZeroU16::MIN;
        for index in 0..6000 {
            let mut bytes = mail(&format!("{index}"));
            // Not to be compressed, so that there are several appends.
            bytes.extend((0..60u64).flat_map(|it| noise(index * 60 + it)));
            world.server.deliver("INBOX", bytes);
        }
        world.run().await;
        let entries = world.log.entries_from(0);
        let (mut placed, mut cursors) = (std::collections::BTreeSet::new(), 0);
        for (entry, _) in entries {
            match entry.fact {
                ledger::Fact::Placed { source: Some(source), .. } => {
                    placed.insert(source.uid);
                }
                ledger::Fact::CursorAdvanced { uid_next, .. } => {
                    cursors += 1;
                    assert!((1..uid_next).all(|it| placed.contains(&it)), "up to {uid_next}");
                }
                _ => (),
            }
        }
        assert!(cursors > 2, "{cursors} cursors in {} appends", world.log.appends());
    }

    fn noise(seed: u64) -> [u8; 32] {
        types::Hash::of(&seed.to_be_bytes()).0
    }
}
