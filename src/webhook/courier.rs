//! What brings messages from the store to their receivers: a task for each webhook, so that one that is slow or down holds up no other.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use super::{
    Webhook, Webhooks,
    lead::Lead,
    message,
    pace::{self, Pace},
    send::{self, Failure, Outcome},
};
use crate::{
    crypto::at_rest::AuditKey,
    secret::HookId,
    store::{Message, Store, Waiting},
};

/// How often the store is asked for what nobody has told this server of: what is due again, and what others wrote that share it.
const LOOK: Duration = Duration::from_secs(1);
/// How often what waits is counted.
const COUNT: Duration = Duration::from_secs(5);
/// How often messages of webhooks that there aren't any more are removed.
const CLEAN: Duration = Duration::from_secs(3600);
/// How soon the store is asked again that fails.
const STORE_FAILS: Duration = Duration::from_secs(2);
/// How long what is on its way may take when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Messages whose last try failed that are remembered, to tell when all of them have been taken.
const REMEMBERED: usize = 10_000;

/// Brings messages to webhooks until it is told to stop.
pub struct Courier {
    stopping: watch::Sender<bool>,
    each: Vec<JoinHandle<()>>,
    beside: Option<JoinHandle<()>>,
    lead: Arc<Lead>,
    store: Arc<Store>,
}

/// What each of its tasks has.
#[derive(Clone)]
struct Post {
    store: Arc<Store>,
    names: Arc<AuditKey>,
    lead: Arc<Lead>,
    /// Changes when there may be something to send.
    bell: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
}

impl Courier {
    /// Begins, if there is anybody to tell. In messages secrets have the names that `names` gives them.
    #[must_use]
    pub fn start(store: Arc<Store>, webhooks: &Webhooks, names: AuditKey) -> Self {
        let (stopping, stopped) = watch::channel(false);
        let (ring, bell) = watch::channel(());
        let lead = Lead::new();
        let post = Post {
            store: Arc::clone(&store),
            names: Arc::new(names),
            lead: Arc::clone(&lead),
            bell,
            stopping: stopped,
        };
        let each = webhooks.0.iter().map(|webhook| tokio::spawn(keep_telling(post.clone(), Arc::clone(webhook))));
        let each = each.collect();
        let has_some = !webhooks.0.is_empty();
        let beside =
            has_some.then(|| tokio::spawn(beside(Arc::clone(&store), Arc::clone(&lead), webhooks.0.clone(), ring)));
        Self { stopping, each, beside, lead, store }
    }

    /// Sends nothing more, waits a moment for what is on its way, and lets another server send. What waits stays in the store.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        for task in self.each {
            let _ = task.await;
        }
        self.beside.iter().for_each(JoinHandle::abort);
        self.lead.leave(&self.store).await;
    }
}

/// What goes on beside the sending: who sends, the bell, the counts.
async fn beside(store: Arc<Store>, lead: Arc<Lead>, webhooks: Vec<Arc<Webhook>>, ring: watch::Sender<()>) {
    let ids: Vec<HookId> = webhooks.iter().map(|webhook| webhook.id).collect();
    let bell = async {
        loop {
            store.told().await;
            ring.send_replace(());
        }
    };
    let counts = async {
        let mut cleaned: Option<Instant> = None;
        loop {
            if let Ok(waiting) = store.waiting(Timestamp::now()).await {
                count(&webhooks, &waiting);
            }
            if lead.lasts() && cleaned.is_none_or(|at| at.elapsed() > CLEAN) {
                match store.drop_for_others(&ids).await {
                    Ok(0) => {}
                    Ok(removed) => {
                        tracing::info!(removed, "messages of webhooks that aren't given any more were removed");
                    }
                    Err(error) => tracing::warn!(%error, "messages of other webhooks could not be removed"),
                }
                cleaned = Some(Instant::now());
            }
            tokio::time::sleep(COUNT).await;
        }
    };
    tokio::join!(
        bell,
        counts,
        lead.keep(&store, || {
            ring.send_replace(());
        })
    );
}

fn count(webhooks: &[Arc<Webhook>], waiting: &[Waiting]) {
    for webhook in webhooks {
        let waits = waiting.iter().find(|waits| waits.hook == webhook.id);
        webhook.counted.waiting.set(waits.map_or(0, |waits| i64::try_from(waits.messages).unwrap_or(i64::MAX)));
        webhook.counted.oldest.set(waits.map_or(0, |waits| waits.oldest.as_millisecond()));
    }
}

/// A fault of ours in one message must not end it for all.
async fn keep_telling(post: Post, webhook: Arc<Webhook>) {
    loop {
        let telling = tokio::spawn(Telling::new(post.clone(), Arc::clone(&webhook)).run());
        match telling.await {
            Err(error) if error.is_panic() => {
                tracing::error!("the task that tells webhook {} has failed, and is begun anew", webhook.name());
                tokio::time::sleep(STORE_FAILS).await;
            }
            _ => return,
        }
    }
}

/// The messages of one webhook.
struct Telling {
    post: Post,
    webhook: Arc<Webhook>,
    pace: Pace,
    under_way: JoinSet<(Message, Outcome)>,
    /// Those that are under way, or were sent and are in the store still.
    held: HashSet<i64>,
    /// What the store has to be told.
    taken: Vec<i64>,
    put_off: Vec<(i64, Timestamp)>,
    /// Those whose last try failed.
    failed: HashSet<i64>,
    failed_at: Instant,
    is_gone: bool,
}

impl Telling {
    fn new(post: Post, webhook: Arc<Webhook>) -> Self {
        Self {
            post,
            webhook,
            pace: Pace::default(),
            under_way: JoinSet::new(),
            held: HashSet::new(),
            taken: Vec::new(),
            put_off: Vec::new(),
            failed: HashSet::new(),
            failed_at: Instant::now(),
            is_gone: false,
        }
    }

    async fn run(mut self) {
        let mut stopping = self.post.stopping.clone();
        while !*stopping.borrow_and_update() {
            let mut wait = LOOK;
            if !self.write_down().await || !self.begin().await {
                wait = STORE_FAILS;
            }
            if let Some(pause) = self.pace.pause(Instant::now()) {
                wait = wait.max(pause);
            }
            let webhook = Arc::clone(&self.webhook);
            let can_begin = self.places() > 0;
            tokio::select! {
                Some(ended) = self.under_way.join_next() => self.ended(ended),
                rung = self.post.bell.changed(), if can_begin => {
                    if rung.is_err() {
                        return;
                    }
                }
                () = webhook.again.notified() => self.pace.again(),
                () = tokio::time::sleep(wait) => self.look(),
                changed = stopping.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
        self.finish().await;
    }

    /// How many messages may be begun now.
    fn places(&self) -> usize {
        if self.is_gone || !self.post.lead.lasts() {
            return 0;
        }
        self.pace.places(Instant::now()).saturating_sub(self.under_way.len())
    }

    /// Begins to send what is due, as much as may be. Whether the store told what is.
    async fn begin(&mut self) -> bool {
        let places = self.places();
        if places == 0 {
            return true;
        }
        let at_most = places + self.held.len();
        let due = match self.post.store.messages(self.webhook.id, Timestamp::now(), at_most).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "the store doesn't tell what waits for a webhook");
                return false;
            }
        };
        let due: Vec<Message> = due.into_iter().filter(|message| !self.held.contains(&message.number)).collect();
        for message in due.into_iter().take(places) {
            let letter = match message::write(&message, &self.post.names) {
                Ok(letter) => letter,
                Err(error) => {
                    tracing::error!(%error, "a message for a webhook can't be written");
                    continue;
                }
            };
            self.held.insert(message.number);
            let webhook = Arc::clone(&self.webhook);
            self.under_way.spawn(async move {
                let outcome = send::send(&webhook, &letter).await;
                (message, outcome)
            });
        }
        true
    }

    /// Takes up how a try went, and whichever else have ended.
    fn ended(&mut self, first: Result<(Message, Outcome), tokio::task::JoinError>) {
        let mut next = Some(first);
        while let Some(ended) = next {
            match ended {
                Ok((message, outcome)) => self.judge(&message, outcome),
                Err(error) => {
                    tracing::error!(%error, "a try to tell webhook {} has failed", self.webhook.name());
                }
            }
            next = self.under_way.try_join_next();
        }
    }

    fn judge(&mut self, message: &Message, outcome: Outcome) {
        let counted = Arc::clone(&self.webhook.counted);
        match outcome {
            Outcome::Taken => {
                counted.sent.one();
                self.pace.succeeded();
                self.taken.push(message.number);
                if self.failed.remove(&message.number) && self.failed.is_empty() {
                    self.is_well();
                }
            }
            Outcome::Gone => {
                counted.failed.one();
                self.put_off.push((message.number, Timestamp::now()));
                if !std::mem::replace(&mut self.is_gone, true) {
                    counted.gone.set(1);
                    tracing::error!(
                        "webhook {} answers 410: it wants to be told nothing any more, and isn't until the next start. Take it out of \
                         --webhook",
                        self.webhook.name()
                    );
                }
            }
            Outcome::Failed(failure) => {
                counted.failed.one();
                self.failed(message, &failure);
            }
        }
    }

    fn failed(&mut self, message: &Message, failure: &Failure) {
        let pause = self.pace.failed(Instant::now(), failure.is_whole, failure.asked);
        // Where nothing would be taken the webhook waits, and not this message.
        let wait = if failure.is_whole { Duration::ZERO } else { pace::backoff(message.tries.saturating_add(1)) };
        let until = Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.put_off.push((message.number, until));
        let is_first = self.failed.is_empty();
        self.failed_at = Instant::now();
        if self.failed.len() < REMEMBERED {
            self.failed.insert(message.number);
        }
        if is_first {
            self.webhook.counted.failing.set(1);
            let (name, why) = (self.webhook.name(), &failure.why);
            let again = pause.unwrap_or(wait).as_secs().max(1);
            tracing::warn!(
                "webhook {name} could not be told: {why}. It is tried again in {again} s, then ever more seldom, for a day"
            );
        }
    }

    fn is_well(&self) {
        self.webhook.counted.failing.set(0);
        tracing::info!("webhook {} is told again", self.webhook.name());
    }

    /// What failed and waits no longer has been given up.
    fn look(&mut self) {
        // Counted since the last try, that is.
        let nothing_waits = self.webhook.counted.waiting.get() == 0 && self.failed_at.elapsed() > 4 * COUNT;
        if nothing_waits && !self.failed.is_empty() && self.held.is_empty() {
            self.failed.clear();
            self.webhook.counted.failing.set(0);
        }
    }

    /// Tells the store how tries went. Whether it took all of it.
    async fn write_down(&mut self) -> bool {
        if !self.taken.is_empty() {
            if let Err(error) = self.post.store.delivered(self.taken.clone()).await {
                tracing::debug!(%error, "it can't be written down that a webhook was told");
                return false;
            }
            for number in self.taken.drain(..) {
                self.held.remove(&number);
            }
        }
        while let Some((number, until)) = self.put_off.last().copied() {
            if let Err(error) = self.post.store.put_off(number, until).await {
                tracing::debug!(%error, "it can't be written down that a webhook wasn't told");
                return false;
            }
            self.put_off.pop();
            self.held.remove(&number);
        }
        true
    }

    /// Waits a moment for what is on its way, and writes down how it went.
    async fn finish(&mut self) {
        let end = Instant::now() + PATIENCE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(end, self.under_way.join_next()).await {
            self.ended(ended);
        }
        let _ = tokio::time::timeout(PATIENCE, self.write_down()).await;
    }
}
