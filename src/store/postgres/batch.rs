//! Calls of a kind that go together: what comes while others are under way waits for them, and goes in one statement with whatever else
//! has come by then. So a commit, and a way there and back, is shared by many, and a lone call waits for nobody.
//!
//! A statement that takes many takes an array a parameter, and gives each row with the id of the record that it is about. What the
//! database refuses is tried one by one: a call that can't be done is no other's loss.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{sync::oneshot, task::JoinSet};
use tokio_postgres::{
    Row,
    types::{IsNull, ToSql, Type},
};

use super::{
    error::Fault,
    line::{Call, Line, WAIT},
    row,
};
use crate::{secret::SecretId, store::StoreError};

/// What goes together at most: calls, and bytes that go with them.
const CALLS: usize = 128;
const BYTES: usize = 256 * 1024;

/// One statement of a kind is under way, so that what comes meanwhile goes together: fuller ones cost the database less. One that takes so
/// long lets another begin beside it, and so on: its connection may be dead, or the way far.
const LONG: Duration = Duration::from_millis(100);
const UNDER_WAY: usize = 4;

/// A value that goes with a statement.
pub(super) struct Value(Box<dyn ToSql + Sync + Send>);

impl Value {
    pub(super) fn new(value: impl ToSql + Sync + Send + 'static) -> Self {
        Self(Box::new(value))
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

type Written = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Written {
        self.to_sql_checked(of, out)
    }

    fn accepts(_: &Type) -> bool {
        true // as far as it is known before there is a value
    }

    fn to_sql_checked(&self, of: &Type, out: &mut BytesMut) -> Written {
        self.0.to_sql_checked(of, out)
    }
}

/// A call that waits, and who waits for it.
struct Waiting {
    id: SecretId,
    call: Arc<Call>,
    answer: oneshot::Sender<Result<Vec<Row>, Fault>>,
}

/// Those that go by one statement.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    under_way: usize,
    /// When the last of them began.
    began: Option<Instant>,
}

impl Queue {
    /// Whether another statement may be under way.
    fn has_turn(&self) -> bool {
        let is_long = self.began.is_none_or(|began| began.elapsed() >= LONG);
        self.under_way == 0 || (self.under_way < UNDER_WAY && is_long)
    }
}

/// What waits to go together, by its statement.
#[derive(Default)]
pub(super) struct Batches(Mutex<HashMap<&'static str, Queue>>);

impl Batches {
    fn queue<T>(&self, sql: &'static str, work: impl FnOnce(&mut Queue) -> T) -> T {
        work(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(sql).or_default())
    }
}

/// Sends a call about a record together with others of its kind.
pub(super) async fn together(line: &Arc<Line>, id: SecretId, call: &Arc<Call>) -> Result<Vec<Row>, Fault> {
    if call.bytes > BYTES {
        return all(line, &[call]).await;
    }
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { id, call: Arc::clone(call), answer };
    line.batches.queue(call.sql, |queue| queue.waiting.push_back(waiting));
    begin(line, call.sql);
    let asked = Instant::now();
    let mut answered = pin!(answered);
    for at_most in [LONG, WAIT] {
        if let Ok(answered) = tokio::time::timeout(at_most, answered.as_mut()).await {
            return answered.unwrap_or(Err(Fault::Unknown(StoreError::Closed)));
        }
        begin(line, call.sql);
    }
    // What is under way is waited for, what isn't has waited too long.
    let is_waiting = line.batches.queue(call.sql, |queue| {
        let before = queue.waiting.len();
        queue.waiting.retain(|waiting| !Arc::ptr_eq(&waiting.call, call));
        queue.waiting.len() < before
    });
    if is_waiting {
        return Err(line.waited_since(asked));
    }
    answered.await.unwrap_or(Err(Fault::Unknown(StoreError::Closed)))
}

/// Sends what waits, if another statement may be under way.
fn begin(line: &Arc<Line>, sql: &'static str) {
    let has_turn = line.batches.queue(sql, |queue| {
        let has_turn = queue.has_turn();
        queue.under_way += usize::from(has_turn);
        has_turn
    });
    if has_turn {
        tokio::spawn(Turn { line: Arc::clone(line), sql, has_ended: false }.work());
    }
}

/// The right to have one statement of a kind under way. It ends when nothing waits.
struct Turn {
    line: Arc<Line>,
    sql: &'static str,
    has_ended: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.has_ended {
            self.line.batches.queue(self.sql, |queue| queue.under_way -= 1);
        }
    }
}

impl Turn {
    async fn work(mut self) {
        while let Some(batch) = self.next() {
            let calls: Vec<&Call> = batch.iter().map(|waiting| &*waiting.call).collect();
            match all(&self.line, &calls).await {
                Ok(rows) => hand_out(batch, rows),
                // What is wrong with one of them, and not with all.
                Err(Fault::Refused(why)) if batch.len() > 1 && why != StoreError::Locked => {
                    let each = batch.into_iter().map(|waiting| alone(Arc::clone(&self.line), waiting));
                    each.collect::<JoinSet<_>>().join_all().await;
                }
                Err(fault) => batch.into_iter().for_each(|waiting| drop(waiting.answer.send(Err(fault.clone())))),
            }
        }
    }

    /// What goes next.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let (batch, has_ended) = self.line.batches.queue(self.sql, |queue| {
            let batch = take(&mut queue.waiting);
            queue.began = Some(Instant::now());
            queue.under_way -= usize::from(batch.is_empty());
            let has_ended = batch.is_empty();
            (batch, has_ended)
        });
        self.has_ended = has_ended;
        (!has_ended).then_some(batch)
    }
}

/// As many of the first as may go together. Of one record there is one: of two claims that an update finds it makes one.
fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let (mut batch, mut ids, mut bytes) = (Vec::new(), HashSet::new(), 0);
    let mut later = VecDeque::new();
    while batch.len() < CALLS {
        let Some(next) = waiting.pop_front() else { break };
        if bytes + next.call.bytes > BYTES || !ids.insert(next.id) {
            later.push_back(next);
        } else {
            bytes += next.call.bytes;
            batch.push(next);
        }
    }
    later.append(waiting);
    *waiting = later;
    // Everybody locks records in this order, so that no two wait for each other.
    batch.sort_unstable_by_key(|waiting| waiting.id);
    batch
}

/// Sends calls of one kind in one statement.
async fn all(line: &Line, calls: &[&Call]) -> Result<Vec<Row>, Fault> {
    let Some(first) = calls.first() else { return Ok(Vec::new()) };
    let values: Vec<&[Value]> = calls.iter().map(|call| &*call.values).collect();
    let columns = columns(&values);
    let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
    line.once(first.sql, &parameters, calls.iter().map(|call| call.bytes).sum()).await
}

/// The values of several calls as arrays, one a parameter.
pub(super) fn columns<'v>(calls: &[&'v [Value]]) -> Vec<Vec<&'v Value>> {
    let parameters = calls.iter().map(|values| values.len()).max().unwrap_or(0);
    (0..parameters).map(|at| calls.iter().filter_map(|values| values.get(at)).collect()).collect()
}

/// Gives each call the rows about its record.
fn hand_out(batch: Vec<Waiting>, rows: Vec<Row>) {
    let mut by_id: HashMap<[u8; 32], Vec<Row>> = HashMap::new();
    for row in rows {
        if let Ok(id) = row::bytes(&row, 0) {
            by_id.entry(id).or_default().push(row);
        }
    }
    for waiting in batch {
        // Who has gone away doesn't hear it.
        let _ = waiting.answer.send(Ok(by_id.remove(&waiting.id.0).unwrap_or_default()));
    }
}

async fn alone(line: Arc<Line>, waiting: Waiting) {
    let _ = waiting.answer.send(all(&line, &[&waiting.call]).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::line::Repeat;

    fn waiting(id: u8, bytes: usize) -> Waiting {
        let call =
            Call { sql: "", values: vec![Value::new(i64::from(id))], record: None, repeat: Repeat::Never, bytes };
        Waiting { id: SecretId([id; 32]), call: Arc::new(call), answer: oneshot::channel().0 }
    }

    /// What goes and what stays, by their ids.
    fn taken(waiting: &mut VecDeque<Waiting>) -> (Vec<u8>, Vec<u8>) {
        let id = |waiting: &Waiting| waiting.id.0[0];
        (take(waiting).iter().map(id).collect(), waiting.iter().map(id).collect())
    }

    #[test]
    fn what_goes_together_is_bounded_sorted_and_of_different_records() {
        let mut queue: VecDeque<_> = [5, 3, 5, 1, 5].map(|id| waiting(id, 10)).into();
        assert_eq!(taken(&mut queue), (vec![1, 3, 5], vec![5, 5]));
        assert_eq!(taken(&mut queue), (vec![5], vec![5]));

        let mut queue: VecDeque<_> =
            [(1, BYTES - 5), (2, 10), (3, 5), (4, BYTES)].map(|(id, bytes)| waiting(id, bytes)).into();
        assert_eq!(taken(&mut queue), (vec![1, 3], vec![2, 4]), "what is too much waits, and is first then");
        assert_eq!(taken(&mut queue), (vec![2], vec![4]));

        let mut queue: VecDeque<_> = (0..200).map(|id| waiting(id, 0)).collect();
        assert_eq!(taken(&mut queue).0.len(), CALLS);
        assert_eq!(taken(&mut queue).0.len(), 200 - CALLS);
        assert!(taken(&mut queue).0.is_empty());
    }

    #[test]
    fn one_is_under_way_unless_it_takes_long() {
        let mut queue = Queue::default();
        assert!(queue.has_turn());
        (queue.under_way, queue.began) = (1, Some(Instant::now()));
        assert!(!queue.has_turn());
        queue.began = Instant::now().checked_sub(LONG);
        assert!(queue.has_turn());
        queue.under_way = UNDER_WAY;
        assert!(!queue.has_turn());
    }

    #[test]
    fn values_become_a_column_a_parameter() {
        let calls = [[Value::new(1_i64), Value::new("a")], [Value::new(2_i64), Value::new("b")]];
        let columns = columns(&calls.each_ref().map(|call| &call[..]));
        assert_eq!(columns.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let mut out = BytesMut::new();
        columns[0].to_sql_checked(&Type::INT8_ARRAY, &mut out).unwrap();
        assert_eq!(out.len(), 20 + 2 * (4 + 8));
        assert!(columns[1].to_sql_checked(&Type::INT8_ARRAY, &mut out).is_err(), "a text is no number");
    }
}
