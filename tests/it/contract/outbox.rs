//! The outbox: of each event a message for each webhook, in the order of the events, until it is delivered or given up.

use ots::{
    secret::{HookId, ReceiptId},
    store::{Burnt, By, Message, REQUEST, Told, Waiting},
};

use super::*;

/// Is told of every record.
const EVERY: HookId = HookId([1; 8]);
/// Is told of those that name it.
const OWN: HookId = HookId([2; 8]);

/// Stores that tell one webhook of everything.
fn telling() -> (Vec<Arc<Store>>, Places, Timestamp) {
    let (mut stores, places, start) = engines();
    for store in &mut stores {
        Arc::get_mut(store).unwrap().tell(vec![EVERY, EVERY]);
    }
    (stores, places, start)
}

fn named(record: Record) -> Record {
    Record { notify: Some(OWN), by: Some("ci".into()), ..record }
}

fn receipted(record: Record) -> Record {
    Record { receipt: Some(ReceiptId([100 + record.id.0[0]; 32])), ..record }
}

fn request(number: u8, start: Timestamp) -> Record {
    let plain = receipted(record(number, start));
    Record { head: Head { kind: REQUEST, ..plain.head }, ..plain }
}

/// Takes all that is due out of the outbox, as a courier does.
async fn drained(store: &Store, hook: HookId, now: Timestamp) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        let due = store.messages(hook, now, 3).await.unwrap();
        if due.is_empty() {
            return all;
        }
        let ids: std::collections::HashSet<_> = due.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), due.len(), "of each secret one at a time");
        store.delivered(due.iter().map(|message| message.number).collect()).await.unwrap();
        all.extend(due);
    }
}

/// What was told of a secret, each with its second.
fn of(messages: &[Message], number: u8, start: Timestamp) -> Vec<(i64, Told)> {
    let about = messages.iter().filter(|message| message.id == id(number));
    about.map(|message| (message.at.duration_since(start).as_secs(), message.told.clone())).collect()
}

fn created(size: u64, by: Option<&str>) -> Told {
    Told::Created { size, ttl: Duration::from_secs(100), by: by.map(Arc::from) }
}

#[tokio::test]
async fn every_event_is_told_once_to_each_webhook() {
    let (stores, _directory, start) = telling();
    for store in stores {
        for number in [1, 2, 3, 6, 7] {
            store.insert(named(record(number, start))).await.unwrap();
        }
        assert_eq!(store.insert(record(1, start)).await, Err(StoreError::Exists));
        store.insert(receipted(record(4, start))).await.unwrap();
        store.insert(named(guarded(5, start))).await.unwrap();

        assert_eq!(store.claim(id(1), Access::Open, MINE, LEASE, at(start, 10)).await, Ok(Some(Claimed::New)));
        assert_eq!(store.claim(id(1), Access::Open, MINE, LEASE, at(start, 11)).await, Ok(Some(Claimed::Again)));
        assert_eq!(store.claim(id(1), Access::Open, THEIRS, LEASE, at(start, 11)).await, Ok(None));
        assert!(!store.burn(id(1), at(start, 11)).await.unwrap());
        assert!(store.release(id(1), MINE, at(start, 12)).await.unwrap());
        assert!(store.take(id(2), Access::Open, at(start, 13)).await.unwrap());
        assert!(!store.take(id(2), Access::Open, at(start, 13)).await.unwrap());
        assert!(store.burn(id(3), at(start, 14)).await.unwrap());
        assert_eq!(store.burn_by_receipt(ReceiptId([104; 32]), at(start, 15)).await, Ok(Burnt::Now(id(4))));
        for (left, second) in [(2, 16), (1, 17), (0, 18)] {
            assert_eq!(store.fail_attempt(id(5), None, 3, at(start, second)).await, Ok(Some(left)));
        }
        assert_eq!(store.claim(id(7), Access::Open, MINE, LEASE, at(start, 19)).await, Ok(Some(Claimed::New)));
        store.sweep(at(start, 200), 10).await.unwrap();

        let every = drained(&store, EVERY, at(start, 200)).await;
        let own = drained(&store, OWN, at(start, 200)).await;
        let by = Some("ci");
        let wrong = |left| Told::WrongPassphrase { left };
        for (number, told) in [
            (1, vec![(0, created(7, by)), (10, Told::Claimed), (12, Told::Acknowledged)]),
            (2, vec![(0, created(7, by)), (13, Told::Delivered)]),
            (3, vec![(0, created(7, by)), (14, Told::Burned(By::Link))]),
            (4, vec![(0, created(7, None)), (15, Told::Burned(By::Receipt))]),
            (5, vec![(0, created(7, by)), (16, wrong(2)), (17, wrong(1)), (18, wrong(0))]),
            (6, vec![(0, created(7, by)), (200, Told::Expired { read: false })]),
            (7, vec![(0, created(7, by)), (19, Told::Claimed), (200, Told::Expired { read: true })]),
        ] {
            assert_eq!(of(&every, number, start), told, "{number}");
            assert_eq!(of(&own, number, start), if number == 4 { Vec::new() } else { told }, "{number}");
        }
        assert_eq!((every.len(), own.len()), (18, 16));
        assert!(every.iter().all(|message| message.hook == EVERY && message.tries == 0));
    }
}

#[tokio::test]
async fn requests_and_their_answers_are_told_to_the_requesters_webhook() {
    let (stores, _directory, start) = telling();
    for store in stores {
        for number in [1, 3, 4, 5] {
            store.insert(named(request(number, start))).await.unwrap();
        }
        let answer = Record { receipt: Some(ReceiptId([101; 32])), ..guarded(2, at(start, 20)) };
        let answer = Record { notify: Some(HookId([3; 8])), ..answer };
        assert_eq!(store.answer(id(1), answer, at(start, 20)).await, Ok(true));
        assert_eq!(store.claim(id(2), Access::Verified, MINE, LEASE, at(start, 21)).await, Ok(Some(Claimed::New)));
        assert!(store.release(id(2), MINE, at(start, 22)).await.unwrap());
        assert!(store.burn(id(3), at(start, 23)).await.unwrap());
        assert_eq!(store.burn_by_receipt(ReceiptId([104; 32]), at(start, 24)).await, Ok(Burnt::Withdrawn(id(4))));
        store.sweep(at(start, 100), 10).await.unwrap();
        for hook in [EVERY, OWN] {
            let told = drained(&store, hook, at(start, 100)).await;
            let requested = (0, Told::Requested { ttl: Duration::from_secs(100), by: Some("ci".into()) });
            assert_eq!(of(&told, 1, start), [requested.clone(), (20, Told::Answered { answer: id(2) })]);
            assert_eq!(of(&told, 2, start), [(20, created(7, None)), (21, Told::Claimed), (22, Told::Acknowledged)]);
            assert_eq!(of(&told, 3, start), [requested.clone(), (23, Told::Withdrawn)]);
            assert_eq!(of(&told, 4, start), [requested.clone(), (24, Told::Withdrawn)]);
            assert_eq!(of(&told, 5, start), [requested, (100, Told::Unanswered)]);
            assert_eq!(told.len(), 11);
        }
        assert_eq!(store.waiting(at(start, 100)).await, Ok(Vec::new()), "nor to what an answer named itself");
    }
}

/// Where nobody is told of everything, who tells of what names a webhook tells of nothing else, and costs nothing.
#[tokio::test]
async fn a_record_that_names_a_webhook_is_told_where_no_other_is() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 1..7 {
            let plain = receipted(guarded(number, start));
            store.insert(if number % 2 == 1 { named(plain) } else { plain }).await.unwrap();
        }
        for number in 1..3 {
            let claim = || store.claim(id(number), Access::Verified, MINE, LEASE, at(start, 1));
            assert_eq!(claim().await, Ok(Some(Claimed::New)), "{number}");
            assert_eq!(claim().await, Ok(Some(Claimed::Again)), "{number}");
            assert_eq!(store.release(id(number), MINE, at(start, 2)).await, Ok(true), "{number}");
            assert_eq!(store.release(id(number), MINE, at(start, 2)).await, Ok(false), "{number}");
        }
        for number in 3..5 {
            assert_eq!(store.take(id(number), Access::Verified, at(start, 3)).await, Ok(true), "{number}");
            assert_eq!(store.take(id(number), Access::Verified, at(start, 3)).await, Ok(false), "{number}");
        }
        for number in 5..7 {
            assert_eq!(store.fail_attempt(id(number), None, 3, at(start, 4)).await, Ok(Some(2)), "{number}");
            assert_eq!(store.burn(id(number), at(start, 5)).await, Ok(true), "{number}");
        }
        let told = drained(&store, OWN, at(start, 100)).await;
        let made = (0, created(7, Some("ci")));
        assert_eq!(of(&told, 1, start), [made.clone(), (1, Told::Claimed), (2, Told::Acknowledged)]);
        assert_eq!(of(&told, 3, start), [made.clone(), (3, Told::Delivered)]);
        let burned = (5, Told::Burned(By::Link));
        assert_eq!(of(&told, 5, start), [made, (4, Told::WrongPassphrase { left: 2 }), burned]);
        assert_eq!(told.len(), 8);
        assert_eq!(store.waiting(start).await, Ok(Vec::new()));
    }
}

/// What can't be delivered holds up what comes after it about the same secret, and nothing else.
#[tokio::test]
async fn messages_about_a_secret_stay_in_order_when_one_is_put_off() {
    let (stores, _directory, start) = telling();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        store.insert(record(2, at(start, 1))).await.unwrap();
        assert!(store.burn(id(1), at(start, 2)).await.unwrap());
        assert_eq!(store.messages(EVERY, start, 10).await.unwrap().len(), 1, "the other isn't due yet");
        assert_eq!(store.messages(EVERY, at(start, 5), 1).await.unwrap().len(), 1);
        let due = store.messages(EVERY, at(start, 5), 10).await.unwrap();
        assert_eq!(due.iter().map(|message| message.id).collect::<Vec<_>>(), [id(1), id(2)]);
        store.put_off(due[0].number, at(start, 60)).await.unwrap();
        let left = store.messages(EVERY, at(start, 59), 10).await.unwrap();
        assert_eq!(left.iter().map(|message| message.id).collect::<Vec<_>>(), [id(2)]);
        let again = store.messages(EVERY, at(start, 60), 10).await.unwrap();
        assert_eq!((again.len(), again[1].number, again[1].tries), (2, due[0].number, 1));
        store.delivered(vec![due[0].number]).await.unwrap();
        store.delivered(vec![due[0].number, due[1].number, i64::MAX]).await.unwrap();
        let next = store.messages(EVERY, at(start, 60), 10).await.unwrap();
        assert_eq!(of(&next, 1, start), [(2, Told::Burned(By::Link))]);
        assert_eq!((next.len(), next[0].tries), (1, 0), "a try is of one message");
        store.put_off(i64::MAX, at(start, 60)).await.unwrap();
        store.put_off(due[0].number, at(start, 900)).await.unwrap();
        assert_eq!(drained(&store, EVERY, at(start, 60)).await, next, "one that is gone puts nothing off");
    }
}

/// So that no look comes by what can't be sent yet.
#[tokio::test]
async fn what_comes_behind_one_that_was_put_off_is_due_with_it() {
    let (stores, _directory, start) = telling();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let first = store.messages(EVERY, start, 10).await.unwrap()[0].number;
        store.put_off(first, at(start, 60)).await.unwrap();
        assert!(store.burn(id(1), at(start, 2)).await.unwrap());
        store.delivered(vec![first]).await.unwrap();
        assert!(store.messages(EVERY, at(start, 59), 10).await.unwrap().is_empty());
        assert_eq!(of(&drained(&store, EVERY, at(start, 60)).await, 1, start), [(2, Told::Burned(By::Link))]);
    }
}

#[tokio::test]
async fn what_is_old_or_for_nobody_is_removed_and_what_waits_is_counted() {
    let (stores, _directory, start) = telling();
    for store in stores {
        for number in 0..10 {
            store.insert(named(record(number, at(start, u64::from(number))))).await.unwrap();
        }
        let waits = |hook, messages, oldest| Waiting { hook, messages, oldest: at(start, oldest) };
        let waiting = async || {
            let mut waiting = store.waiting(at(start, 10)).await.unwrap();
            waiting.sort_by_key(|waiting| waiting.hook);
            waiting
        };
        assert_eq!(waiting().await, [waits(EVERY, 10, 0), waits(OWN, 10, 0)]);
        assert_eq!(store.give_up(start, 100).await, Ok(0));
        assert_eq!(store.give_up(at(start, 4), 5).await, Ok(5));
        assert_eq!(store.give_up(at(start, 4), 5).await, Ok(3));
        assert_eq!(store.give_up(at(start, 4), 5).await, Ok(0));
        assert_eq!(waiting().await, [waits(EVERY, 6, 4), waits(OWN, 6, 4)]);
        assert_eq!(store.drop_for_others(&[OWN, EVERY]).await, Ok(0));
        assert_eq!(store.drop_for_others(&[OWN]).await, Ok(6));
        assert_eq!(waiting().await, [waits(OWN, 6, 4)]);
        assert_eq!(drained(&store, OWN, at(start, 10)).await.len(), 6);
        assert_eq!(waiting().await, []);
        assert_eq!(store.lead([1; 16], start, LEASE).await, Ok(true));
        assert_eq!(store.lead([1; 16], start, LEASE).await, Ok(true), "again");
    }
}

/// Who receives a number twice takes the second for a repetition of the first.
#[tokio::test]
async fn messages_outlive_a_restart_and_no_number_is_given_twice() {
    let (stores, places, start) = telling();
    for (store, location) in stores.into_iter().zip(&places.locations) {
        store.insert(named(record(1, start))).await.unwrap();
        store.insert(record(2, start)).await.unwrap();
        let mut given = drained(&store, EVERY, start).await;
        store.close().await.unwrap();
        drop(store);
        for number in 3..6 {
            let mut store = Store::open(location, 1 << 20).unwrap();
            store.tell(vec![EVERY]);
            store.insert(record(number, start)).await.unwrap();
            given.extend(drained(&store, EVERY, start).await);
            assert_eq!(of(&store.messages(OWN, start, 9).await.unwrap(), 1, start), [(0, created(7, Some("ci")))]);
            store.close().await.unwrap();
        }
        let numbers: Vec<_> = given.iter().map(|message| message.number).collect();
        assert!(numbers.is_sorted() && numbers.windows(2).all(|pair| pair[0] != pair[1]), "{numbers:?}");
        assert_eq!(numbers.len(), 5);
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
    }
}

/// Whoever sends them is woken after the commit; where nobody is to be told nothing is written.
#[tokio::test]
async fn who_sends_is_woken_and_without_a_webhook_nothing_is_told() {
    let (stores, _directory, start) = engines();
    let soon = Duration::from_secs(30);
    for mut store in stores {
        store.insert(record(1, start)).await.unwrap();
        assert!(store.burn(id(1), start).await.unwrap());
        assert_eq!(store.waiting(start).await, Ok(Vec::new()));
        Arc::get_mut(&mut store).unwrap().tell(vec![EVERY]);
        store.insert(record(2, start)).await.unwrap();
        tokio::time::timeout(soon, store.told()).await.unwrap();
        while tokio::time::timeout(Duration::from_millis(5), store.told()).await.is_ok() {}
        assert!(store.burn(id(2), start).await.unwrap());
        tokio::time::timeout(soon, store.told()).await.unwrap();
        assert_eq!(drained(&store, EVERY, start).await.len(), 2);
    }
}
