//! Requests, and answers in their places: once, with the request's receipt, within its maker's quota.

use std::{future::poll_fn, task::Poll};

use futures_util::future::join_all;
use ots::{
    secret::{OwnerId, ReceiptId},
    store::{Burnt, Quota, Quotas, REQUEST, ReceiptState, Trace, Whose},
};

use super::*;

const RECEIPT: ReceiptId = ReceiptId([100; 32]);
const OWNER: OwnerId = OwnerId([4; 16]);

/// One that is open for 100 seconds.
fn request(start: Timestamp) -> Record {
    let plain = record(1, start);
    Record { head: Head { kind: REQUEST, ..plain.head }, receipt: Some(RECEIPT), ..plain }
}

fn answer(start: Timestamp) -> Record {
    let plain = guarded(2, start);
    Record { receipt: Some(RECEIPT), sealed: [7; 300][..].into(), ..plain }
}

fn owned(record: Record, each: Quota) -> Record {
    Record { charge: Charge { owner: Some(OWNER), within: Quotas { each, ..Quotas::default() } }, ..record }
}

async fn told(store: &Store, now: Timestamp) -> Trace {
    store.trace(RECEIPT, now).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_request_is_open_until_its_one_answer_goes_on_with_its_receipt() {
    let (stores, places, start) = engines();
    for (store, location) in stores.into_iter().zip(&places.locations) {
        assert_eq!(store.answer(id(1), answer(start), start).await, Ok(false), "never there");
        store.insert(request(start)).await.unwrap();
        let open = told(&store, at(start, 50)).await;
        assert_eq!((open.state, open.expires_at, open.ended_at), (ReceiptState::Open, at(start, 100), None));
        assert_eq!(store.answer(id(1), answer(at(start, 60)), at(start, 60)).await, Ok(true));
        assert_eq!(store.answer(id(1), answer(at(start, 61)), at(start, 61)).await, Ok(false));
        assert!(store.peek(id(1), None, at(start, 61)).await.unwrap().is_none());
        assert!(!store.burn(id(1), at(start, 61)).await.unwrap(), "it is no request any more");
        let unread = told(&store, at(start, 61)).await;
        assert_eq!((unread.state, unread.created_at), (ReceiptState::Unread, at(start, 60)));
        store.close().await.unwrap();
        let store = Store::open(location, 1 << 20).unwrap();
        let held = store.state(at(start, 62)).await.unwrap().held;
        assert_eq!(held, [Held { key_id: KeyId([9; 8]), records: 1, bytes: 300 }]);
        let claimed = store.claim(id(2), Access::Verified, MINE, LEASE, at(start, 120)).await;
        assert_eq!(claimed, Ok(Some(Claimed::New)));
        assert!(store.release(id(2), MINE, at(start, 121)).await.unwrap());
        assert_eq!(told(&store, at(start, 121)).await.state, ReceiptState::Delivered);
        assert_eq!(store.state(at(start, 122)).await.unwrap().held.iter().map(|held| held.records).sum::<u64>(), 0);
        store.close().await.unwrap();
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
    }
}

#[tokio::test]
async fn of_answers_that_race_one_is_kept() {
    let (stores, _places, start) = engines();
    for store in stores {
        store.insert(request(start)).await.unwrap();
        let answers = (0..8_u8).map(|number| {
            let (store, sealed) = (Arc::clone(&store), Buffer::from(&[number; 60][..]));
            async move { store.answer(id(1), Record { sealed, ..answer(start) }, start).await.unwrap() }
        });
        let won = join_all(answers).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let winner = u8::try_from(won.iter().position(|won| *won).unwrap()).unwrap();
        let kept = store.load(id(2), None, Access::Verified, start, &memory()).await.unwrap().unwrap();
        assert_eq!(kept.sealed.as_ref(), [winner; 60], "the one that was told so");
    }
}

/// Its collecting token was known before it was there: who asks all the while may have had it before its sender is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_collected_at_once_is_gone() {
    let (stores, _places, start) = engines();
    for store in stores {
        store.insert(request(start)).await.unwrap();
        let mut answering = Box::pin(store.answer(id(1), answer(start), start));
        let asked = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context).is_pending())).await;
        let is_there = || async { store.peek(id(2), None, start).await.unwrap().is_some() };
        crate::common::until("it is there", Duration::from_secs(20), is_there).await;
        assert!(store.claim(id(2), Access::Verified, MINE, LEASE, start).await.unwrap().is_some());
        assert!(store.release(id(2), MINE, start).await.unwrap());
        if asked {
            assert_eq!(answering.await, Ok(true));
        }
        assert!(store.load(id(2), None, Access::Verified, start, &memory()).await.unwrap().is_none());
    }
}

/// Whoever comes too late is told so, also where the one who came first has used the quota up.
#[tokio::test]
async fn a_second_answer_is_too_late_and_not_too_much() {
    let (stores, _places, start) = engines();
    for store in stores {
        let one = Quota { records: Some(1), bytes: None };
        store.insert(owned(request(start), one)).await.unwrap();
        assert_eq!(store.answer(id(1), owned(answer(start), one), start).await, Ok(true));
        assert_eq!(store.answer(id(1), owned(answer(start), one), start).await, Ok(false));
        assert!(store.burn(id(2), start).await.unwrap());
        store.insert(owned(Record { id: id(3), ..request(start) }, one)).await.unwrap();
        assert_eq!(store.answer(id(3), owned(answer(start), one), at(start, 100)).await, Ok(false), "expired");
    }
}

#[tokio::test]
async fn a_request_is_taken_back_or_expires_and_is_answered_no_more() {
    let (stores, places, start) = engines();
    for (store, location) in stores.into_iter().zip(&places.locations) {
        store.insert(request(start)).await.unwrap();
        assert!(store.burn(id(1), at(start, 5)).await.unwrap());
        let withdrawn = told(&store, at(start, 6)).await;
        assert_eq!((withdrawn.state, withdrawn.ended_at), (ReceiptState::Withdrawn, Some(at(start, 5))));
        assert_eq!(store.answer(id(1), answer(start), at(start, 6)).await, Ok(false));
        assert_eq!(store.burn_by_receipt(RECEIPT, at(start, 6)).await, Ok(Burnt::Already));

        let other = ReceiptId([101; 32]);
        store.insert(Record { id: id(3), receipt: Some(other), ..request(start) }).await.unwrap();
        assert_eq!(store.burn_by_receipt(other, at(start, 7)).await, Ok(Burnt::Withdrawn(id(3))));
        let trace = store.trace(other, at(start, 8)).await.unwrap().unwrap();
        assert_eq!((trace.state, trace.ended_at), (ReceiptState::Withdrawn, Some(at(start, 7))));

        let third = ReceiptId([102; 32]);
        store.insert(Record { id: id(4), receipt: Some(third), ..request(start) }).await.unwrap();
        assert_eq!(store.answer(id(4), answer(start), at(start, 100)).await, Ok(false));
        for _ in 0..2 {
            let trace = store.trace(third, at(start, 100)).await.unwrap().unwrap();
            assert_eq!((trace.state, trace.ended_at), (ReceiptState::Expired, Some(at(start, 100))));
            let gone = store.sweep(at(start, 100), 10).await.unwrap().gone;
            assert!(gone.iter().all(|gone| gone.request && !gone.claimed), "{gone:?}");
        }
        store.close().await.unwrap();
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
    }
}

/// A secret isn't put in the place of another; and what is refused leaves the request open.
#[tokio::test]
async fn only_a_request_is_answered_and_within_its_makers_quota() {
    let (stores, places, start) = engines();
    for (store, location) in stores.into_iter().zip(&places.locations) {
        store.insert(record(1, start)).await.unwrap();
        assert_eq!(store.answer(id(1), answer(start), start).await, Ok(false));
        assert!(store.burn(id(1), start).await.unwrap());

        let one = Quota { records: Some(1), bytes: Some(320) };
        store.insert(owned(request(start), one)).await.unwrap();
        let more = owned(record(3, start), one);
        assert_eq!(store.insert(more).await, Err(StoreError::OverQuota(Whose::Owner)), "a request counts");
        let large = Record { sealed: [7; 321][..].into(), ..owned(answer(start), one) };
        assert_eq!(store.answer(id(1), large, start).await, Err(StoreError::OverQuota(Whose::Owner)));
        assert_eq!(told(&store, start).await.state, ReceiptState::Open);
        // It takes the place of its request, which counts no more.
        assert_eq!(store.answer(id(1), owned(answer(start), one), start).await, Ok(true));
        let more = owned(record(3, start), one);
        assert_eq!(store.insert(more).await, Err(StoreError::OverQuota(Whose::Owner)), "and so does an answer");
        assert!(store.burn(id(2), start).await.unwrap());
        store.insert(owned(record(3, start), one)).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
    }
}
