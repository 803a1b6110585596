//! What receipts tell, from real calls: of every state, before and after the removal, and with the times of the calls.

use ots::{
    secret::ReceiptId,
    store::{Burnt, By, ReceiptState, Trace},
};

use super::*;

fn receipt(number: u8) -> ReceiptId {
    let mut id = [100 + number; 32];
    id[0] = 0; // made long ago, by its second
    ReceiptId(id)
}

fn receipted(number: u8, start: Timestamp) -> Record {
    Record { receipt: Some(receipt(number)), ..record(number, start) }
}

/// As it is told of an unread one that nobody has tried.
fn unread(start: Timestamp) -> Trace {
    Trace {
        state: ReceiptState::Unread,
        created_at: start,
        expires_at: at(start, 100),
        claimed_at: None,
        ended_at: None,
        attempts: 0,
    }
}

async fn told(store: &Store, number: u8, now: Timestamp) -> Trace {
    store.trace(receipt(number), now).await.unwrap().unwrap()
}

async fn claims(store: &Store, number: u8, claim: ClaimHash, now: Timestamp) -> Option<Claimed> {
    store.claim(id(number), Access::Open, claim, LEASE, now).await.unwrap()
}

/// Sweeps, and says that it is told as before: what is dead is told as what it will be.
async fn told_the_same_when_swept(store: &Store, number: u8, now: Timestamp) -> Trace {
    let before = told(store, number, now).await;
    store.sweep(now, 100).await.unwrap();
    assert!(store.peek(id(number), Some(MINE), now).await.unwrap().is_none());
    assert_eq!(told(store, number, now).await, before);
    before
}

#[tokio::test]
async fn a_receipt_tells_of_a_delivery() {
    let (stores, _directory, start) = engines();
    for store in stores {
        assert_eq!(store.trace(receipt(1), start).await, Ok(None));
        store.insert(receipted(1, start)).await.unwrap();
        assert_eq!(told(&store, 1, at(start, 99)).await, unread(start));
        assert_eq!(claims(&store, 1, MINE, at(start, 80)).await, Some(Claimed::New));
        let claimed = Trace {
            state: ReceiptState::Claimed { until: at(start, 140) },
            claimed_at: Some(at(start, 80)),
            ..unread(start)
        };
        assert_eq!(claims(&store, 1, MINE, at(start, 90)).await, Some(Claimed::Again));
        assert_eq!(claims(&store, 1, THEIRS, at(start, 91)).await, None);
        for seconds in [80, 139] {
            assert_eq!(told(&store, 1, at(start, seconds)).await, claimed);
        }
        assert!(!store.release(id(1), THEIRS, at(start, 100)).await.unwrap());
        assert!(store.release(id(1), MINE, at(start, 101)).await.unwrap());
        let delivered = Trace { state: ReceiptState::Delivered, ended_at: Some(at(start, 101)), ..claimed };
        assert!(!store.release(id(1), MINE, at(start, 102)).await.unwrap());
        assert_eq!(told_the_same_when_swept(&store, 1, at(start, 1000)).await, delivered);
    }
}

#[tokio::test]
async fn a_receipt_tells_of_what_nobody_acknowledged() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 1..5 {
            store.insert(receipted(number, start)).await.unwrap();
        }
        assert!(store.take(id(1), Access::Open, at(start, 7)).await.unwrap());
        let taken = Trace {
            state: ReceiptState::Unconfirmed,
            claimed_at: Some(at(start, 7)),
            ended_at: Some(at(start, 7)),
            ..unread(start)
        };
        assert_eq!(told(&store, 1, at(start, 7)).await, taken);
        for number in 2..4 {
            claims(&store, number, MINE, at(start, 80)).await.unwrap();
        }
        let ended = Trace {
            state: ReceiptState::Unconfirmed,
            claimed_at: Some(at(start, 80)),
            ended_at: Some(at(start, 140)),
            ..unread(start)
        };
        assert_eq!(told(&store, 2, at(start, 140)).await, ended);
        // An acknowledgement that comes late removes what is there, and what was told stays so.
        assert!(store.release(id(3), MINE, at(start, 150)).await.unwrap());
        assert_eq!(told_the_same_when_swept(&store, 2, at(start, 150)).await, ended);
        assert!(!store.release(id(2), MINE, at(start, 151)).await.unwrap());
        assert_eq!(told(&store, 2, at(start, 151)).await, ended);
        assert_eq!(told(&store, 3, at(start, 151)).await, ended);
        let expired = Trace { state: ReceiptState::Expired, ended_at: Some(at(start, 100)), ..unread(start) };
        assert_eq!(told(&store, 4, at(start, 100)).await, expired, "it was removed by the sweep");
    }
}

#[tokio::test]
async fn a_receipt_tells_of_what_expired_and_what_was_burned() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 1..3 {
            store.insert(receipted(number, start)).await.unwrap();
        }
        assert!(store.burn(id(1), at(start, 9)).await.unwrap());
        assert!(!store.burn(id(1), at(start, 10)).await.unwrap());
        let burned = Trace { state: ReceiptState::Burned(By::Link), ended_at: Some(at(start, 9)), ..unread(start) };
        assert_eq!(told(&store, 1, at(start, 10)).await, burned);
        assert_eq!(told(&store, 2, at(start, 99)).await, unread(start));
        let expired = Trace { state: ReceiptState::Expired, ended_at: Some(at(start, 100)), ..unread(start) };
        assert_eq!(told_the_same_when_swept(&store, 2, at(start, 200)).await, expired);
    }
}

#[tokio::test]
async fn a_receipt_counts_tries_and_tells_of_the_last() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 1..4 {
            let guarded = Record { receipt: Some(receipt(number)), ..guarded(number, start) };
            store.insert(guarded).await.unwrap();
        }
        let verified = store.claim(id(2), Access::Verified, MINE, LEASE, at(start, 5)).await.unwrap();
        assert_eq!(verified, Some(Claimed::New));
        for (left, seconds) in [(2, 10), (1, 20), (0, 30)] {
            for (number, claim) in [(1, None), (2, Some(MINE))] {
                assert_eq!(store.fail_attempt(id(number), claim, 3, at(start, seconds)).await, Ok(Some(left)));
            }
            if left > 0 {
                let tried = Trace { attempts: 3 - left, ..unread(start) };
                assert_eq!(told(&store, 1, at(start, seconds)).await, tried);
            }
        }
        let tried_out = Trace {
            state: ReceiptState::Burned(By::Tries),
            ended_at: Some(at(start, 30)),
            attempts: 3,
            ..unread(start)
        };
        assert_eq!(told_the_same_when_swept(&store, 1, at(start, 31)).await, tried_out);
        // It was with a reader, so that it isn't unread, though it wasn't the lease that ended it.
        assert!(!store.release(id(2), MINE, at(start, 31)).await.unwrap());
        let with_a_reader = Trace { state: ReceiptState::Unconfirmed, claimed_at: Some(at(start, 5)), ..tried_out };
        assert_eq!(told_the_same_when_swept(&store, 2, at(start, 31)).await, with_a_reader);
        // Tries that went before say so in the end, whatever that is.
        assert_eq!(store.fail_attempt(id(3), None, 3, start).await, Ok(Some(2)));
        assert!(store.take(id(3), Access::Verified, at(start, 1)).await.unwrap());
        assert_eq!(told(&store, 3, at(start, 1)).await.attempts, 1);
    }
}

#[tokio::test]
async fn a_receipt_burns_what_is_unread_and_nothing_else() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 1..7 {
            store.insert(receipted(number, start)).await.unwrap();
        }
        let burns = |number: u8, seconds| store.burn_by_receipt(receipt(number), at(start, seconds));
        assert_eq!(burns(99, 1).await, Ok(Burnt::Unknown));
        assert_eq!(burns(1, 9).await, Ok(Burnt::Now(id(1))));
        let memory = memory();
        assert!(store.load(id(1), None, Access::Open, at(start, 9), &memory).await.unwrap().is_none());
        assert!(!store.take(id(1), Access::Open, at(start, 9)).await.unwrap());
        assert_eq!(burns(1, 10).await, Ok(Burnt::Already));
        let burned = Trace { state: ReceiptState::Burned(By::Receipt), ended_at: Some(at(start, 9)), ..unread(start) };
        assert_eq!(told(&store, 1, at(start, 10)).await, burned);

        claims(&store, 2, MINE, at(start, 10)).await.unwrap();
        claims(&store, 3, MINE, at(start, 10)).await.unwrap();
        assert!(store.release(id(3), MINE, at(start, 11)).await.unwrap());
        assert!(store.take(id(4), Access::Open, at(start, 12)).await.unwrap());
        assert!(store.burn(id(5), at(start, 13)).await.unwrap());
        for (number, state) in [
            (2, ReceiptState::Claimed { until: at(start, 70) }),
            (3, ReceiptState::Delivered),
            (4, ReceiptState::Unconfirmed),
            (5, ReceiptState::Burned(By::Link)),
            (6, ReceiptState::Expired),
        ] {
            let seconds = if number == 6 { 100 } else { 20 };
            assert_eq!(burns(number, seconds).await, Ok(Burnt::TooLate), "{number}");
            assert_eq!(told(&store, number, at(start, seconds)).await.state, state);
        }
        assert!(store.release(id(2), MINE, at(start, 30)).await.unwrap(), "it was let be");
    }
}

/// Also to a store that was closed and opened meanwhile.
#[tokio::test]
async fn receipts_are_kept_for_as_long_as_they_are_asked_for_and_dont_mix() {
    let (stores, places, start) = engines();
    for (store, location) in stores.into_iter().zip(&places.locations) {
        for number in 1..9 {
            store.insert(receipted(number, start)).await.unwrap();
        }
        assert_eq!(store.insert(Record { id: id(50), ..receipted(1, start) }).await, Err(StoreError::Exists));
        store.insert(record(51, start)).await.unwrap();
        for number in 1..6 {
            assert!(store.burn(id(number), at(start, u64::from(number))).await.unwrap());
        }
        assert!(store.burn(id(51), start).await.unwrap(), "it has none, and leaves none");
        store.close().await.unwrap();
        let store = Store::open(location, 1 << 20).unwrap();
        for number in 1..6 {
            let ended_at = Some(at(start, u64::from(number)));
            let burned = Trace { state: ReceiptState::Burned(By::Link), ended_at, ..unread(start) };
            assert_eq!(told(&store, number, at(start, 50)).await, burned);
        }
        assert_eq!(store.forget_receipts(at(start, 1), 10).await, Ok(0));
        assert_eq!(store.forget_receipts(at(start, 4), 2).await, Ok(2));
        assert_eq!(store.forget_receipts(at(start, 4), 2).await, Ok(1));
        assert_eq!(store.forget_receipts(at(start, 4), 2).await, Ok(0));
        for number in 1..9 {
            let trace = store.trace(receipt(number), at(start, 50)).await.unwrap();
            assert_eq!(trace.is_some(), number > 3, "{number}");
            let burnt = store.burn_by_receipt(receipt(number), at(start, 50)).await;
            let expected = match number {
                1..4 => Burnt::Unknown,
                4..6 => Burnt::TooLate,
                _ => Burnt::Now(id(number)),
            };
            assert_eq!(burnt, Ok(expected));
        }
        store.close().await.unwrap();
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
    }
}

/// Few at a time, and whichever of them are old by then: none is passed over for having been looked at before.
#[tokio::test]
async fn old_receipts_go_wherever_the_last_look_ended() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for (number, ended) in [(1, 20), (2, 1), (3, 30), (4, 1), (5, 1), (6, 40)] {
            store.insert(receipted(number, start)).await.unwrap();
            assert!(store.burn(id(number), at(start, ended)).await.unwrap());
        }
        let forget = |seconds, at_most| store.forget_receipts(at(start, seconds), at_most);
        for _ in 0..2 {
            assert_eq!(forget(10, 1).await, Ok(1));
        }
        let mut left = Vec::new();
        for expected in [1, 1, 1, 0] {
            assert_eq!(forget(35, 1).await, Ok(expected));
        }
        for number in 1..7 {
            left.extend(store.trace(receipt(number), at(start, 50)).await.unwrap().map(|_| number));
        }
        assert_eq!(left, [6]);
        assert_eq!(forget(100, 10).await, Ok(1));
    }
}
