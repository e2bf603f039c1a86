use std::num::NonZeroU16;

use super::*;

fn claim(account: &str, connections: u16) -> Claim {
    Claim { account: account.into(), counted: Counted::Account, connections, job: None }
}

fn shared(account: &str, profile: &str, connections: u16) -> Claim {
    Claim { counted: Counted::Profile(profile.into()), ..claim(account, connections) }
}

fn of_job(account: &str, job: &str, accounts: u16) -> Claim {
    let accounts = NonZeroU16::new(accounts).unwrap();
    Claim { job: Some(JobShare { job: job.into(), accounts }), ..claim(account, 9) }
}

/// Who gets a place when all of these ask, in order, by account.
fn granted(places_max: u16, claims: &[Claim]) -> String {
    let mut places = Places::new(places_max);
    let ids: Vec<PlaceId> = claims.iter().map(|it| places.ask(it.clone())).collect();
    let mut got = Vec::new();
    while let Some(id) = places.grant() {
        let at = ids.iter().position(|it| *it == id).unwrap();
        got.push(claims[at].account.clone());
    }
    got.join(" ")
}

#[test]
fn the_smallest_limit_counts() {
    let three = [claim("a", 9), claim("a", 9), claim("a", 9)];
    assert_eq!(granted(2, &three), "a a");
    assert_eq!(granted(9, &three.clone().map(|it| Claim { connections: 2, ..it })), "a a");
    let profile = [shared("a", "p", 2), shared("b", "p", 2), shared("c", "p", 2)];
    assert_eq!(granted(9, &profile), "a b");
    let two_profiles = [shared("a", "p", 1), shared("b", "p", 1), shared("c", "q", 1)];
    assert_eq!(granted(9, &two_profiles), "a c");
    let job = [of_job("a", "j", 2), of_job("a", "j", 2), of_job("b", "j", 2), of_job("c", "j", 2)];
    assert_eq!(granted(9, &job), "a b a", "accounts of a job are counted, not connections");
    assert_eq!(granted(1, &job), "a");
    assert_eq!(granted(0, &three), "a", "no server has no place at all");
}

#[test]
fn those_who_have_least_come_first() {
    let claims = [claim("big", 9), claim("big", 9), claim("big", 9), claim("small", 9)];
    assert_eq!(granted(3, &claims), "big small big");
}

#[test]
fn turns_go_round() {
    let mut places = Places::new(1);
    let mut order = Vec::new();
    let mut ids = HashMap::new();
    for account in ["a", "b", "c"] {
        ids.insert(places.ask(claim(account, 1)), account);
    }
    for _ in 0..7 {
        let id = places.grant().unwrap();
        assert_eq!(places.grant(), None);
        let account = ids.remove(&id).unwrap();
        order.push(account);
        // Whoever leaves asks again at once.
        places.leave(id);
        ids.insert(places.ask(claim(account, 1)), account);
    }
    assert_eq!(order.join(" "), "a b c a b c a");
}

#[test]
fn who_has_more_gives_way() {
    let mut places = Places::new(3);
    let big: Vec<PlaceId> = (0..3).map(|_| places.ask(claim("big", 3))).collect();
    while places.grant().is_some() {}
    assert!(!places.gives_way(big[0], Held::ForATurn), "nobody waits");
    let small = places.ask(claim("small", 3));
    assert_eq!(places.grant(), None);
    assert!(places.gives_way(big[0], Held::Briefly));
    assert!(!places.gives_way(big[1], Held::Briefly), "one gives way for one");
    places.leave(big[0]);
    let again = places.ask(claim("big", 3));
    assert_eq!(places.grant(), Some(small));
    assert_eq!((places.grant(), places.counts()), (None, (3, 1)));
    // Two against one is as even as it gets.
    let more = places.ask(claim("small", 3));
    assert!(!places.gives_way(big[1], Held::ForATurn));
    places.leave(more);
    places.leave(again);
    assert_eq!(places.counts(), (3, 0));
}

#[test]
fn an_only_connection_gives_way_after_its_turn() {
    let mut places = Places::new(1);
    let long = places.ask(claim("long", 1));
    places.grant();
    let waiting = places.ask(claim("waiting", 1));
    assert!(!places.gives_way(long, Held::Briefly));
    assert!(places.gives_way(long, Held::ForATurn));
    places.leave(waiting);
    // Giving way would not help whoever is held up by a limit of his own.
    let mut places = Places::new(1);
    let a = places.ask(shared("a", "p", 1));
    places.grant();
    places.ask(Claim { account: "a".into(), ..shared("a", "p", 1) });
    assert!(!places.gives_way(a, Held::ForATurn), "nor for itself");
}

#[test]
fn a_server_that_recovers_is_tried_by_one_at_a_time() {
    let mut places = Places::new(9);
    places.health = Health::Recovering;
    let ids: Vec<PlaceId> = ["a", "b", "c"].map(|it| places.ask(claim(it, 9))).into();
    assert_eq!((places.grant(), places.grant()), (Some(ids[0]), None));
    places.connected(ids[0]);
    assert_eq!((places.grant(), places.grant()), (Some(ids[1]), None));
    places.leave(ids[1]);
    assert_eq!(places.grant(), Some(ids[2]));
    places.health = Health::Well;
    assert_eq!(places.grant(), None);
}

#[test]
fn the_number_of_places_changes() {
    let mut places = Places::new(3);
    let ids: Vec<PlaceId> = (0..4).map(|_| places.ask(claim("a", 9))).collect();
    while places.grant().is_some() {}
    places.resize(1);
    assert_eq!(places.counts(), (3, 1), "nobody loses his");
    places.leave(ids[0]);
    places.leave(ids[1]);
    assert_eq!(places.grant(), None);
    places.resize(2);
    assert_eq!(places.grant(), Some(ids[3]));
}

/// A small generator: the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % n
    }
}

/// What a run of the model keeps beside the places.
struct Model {
    places: Places,
    places_max: usize,
    held: Vec<(PlaceId, Claim)>,
    waiting: Vec<(PlaceId, Claim)>,
    /// Turns that others had while somebody without a connection waited, by who waits.
    passed: HashMap<PlaceId, HashMap<String, usize>>,
}

impl Model {
    fn grant(&mut self) {
        while let Some(id) = self.places.grant() {
            let at = self.waiting.iter().position(|it| it.0 == id).unwrap();
            let (_, claim) = self.waiting.remove(at);
            self.passed.remove(&id);
            self.held.push((id, claim.clone()));
            for (waiting, own) in &self.waiting {
                if self.held.iter().any(|it| it.1.account == own.account) {
                    self.passed.remove(waiting);
                    continue;
                }
                let passed = self.passed.entry(*waiting).or_default();
                *passed.entry(claim.account.clone()).or_default() += 1;
            }
            self.check();
        }
    }

    fn check(&self) {
        let count =
            |fits: &dyn Fn(&Claim) -> bool| self.held.iter().filter(|it| fits(&it.1)).count();
        assert!(self.held.len() <= self.places_max);
        for (_, claim) in &self.held {
            let of = |it: &Claim| match &claim.counted {
                Counted::Account => it.account == claim.account,
                Counted::Profile(_) => it.counted == claim.counted,
            };
            assert!(count(&of) <= usize::from(claim.connections));
            let Some(share) = &claim.job else { continue };
            let accounts: HashSet<&str> = (self.held.iter())
                .filter(|it| it.1.job.as_ref().is_some_and(|it| it.job == share.job))
                .map(|it| it.1.account.as_str())
                .collect();
            assert!(accounts.len() <= usize::from(share.accounts.get()));
        }
    }
}

/// Never more than the smallest limit; never a free place while somebody may have it; and nobody
/// without a connection sees the same other account pass twice, unless a limit of his own holds
/// him up.
#[test]
fn any_sequence_keeps_the_limits_and_the_turns() {
    for seed in 1..=40_u64 {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let places_max = 1 + numbers.below(6);
        let accounts = 2 + numbers.below(8);
        let has_jobs = seed % 2 == 0;
        let mut model = Model {
            places: Places::new(u16::try_from(places_max).unwrap()),
            places_max,
            held: Vec::new(),
            waiting: Vec::new(),
            passed: HashMap::new(),
        };
        for _ in 0..2_000 {
            match numbers.below(5) {
                0 | 1 => {
                    let account = numbers.below(accounts);
                    let name = format!("a{account}");
                    // An account is always asked for in the same way.
                    let claim = match account % 3 {
                        0 => claim(&name, 3),
                        1 => shared(&name, "p", 2),
                        _ if has_jobs => of_job(&name, "j", 2),
                        _ => claim(&name, 1),
                    };
                    let id = model.places.ask(claim.clone());
                    model.waiting.push((id, claim));
                }
                2 if !model.waiting.is_empty() => {
                    let at = numbers.below(model.waiting.len());
                    let (id, _) = model.waiting.remove(at);
                    model.passed.remove(&id);
                    model.places.leave(id);
                }
                _ if !model.held.is_empty() => {
                    let at = numbers.below(model.held.len());
                    let (id, _) = model.held.remove(at);
                    model.places.leave(id);
                }
                _ => (),
            }
            model.grant();
            fairness(&model);
        }
    }
}

fn fairness(model: &Model) {
    for (id, claim) in &model.waiting {
        let is_alone = claim.counted == Counted::Account && claim.job.is_none();
        let open = model.held.iter().filter(|it| it.1.account == claim.account).count();
        let first = model.waiting.iter().find(|it| it.1.account == claim.account);
        if !is_alone || open > 0 || first.is_some_and(|it| it.0 != *id) {
            continue;
        }
        assert_eq!(model.held.len(), model.places_max, "a place is free, and somebody waits");
        for (other, times) in model.passed.get(id).into_iter().flatten() {
            assert!(*times <= 1, "{other} had {times} turns while {} waited", claim.account);
        }
    }
}
