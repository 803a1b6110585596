//! The numbers as Prometheus' text. Each name begins with `ots_`, has its base unit, and stands in docs/watching.md; no label can name a
//! secret, or be made by a client.

use std::{
    fmt::{self, Error},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
pub(super) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, prometheus_text},
    metrics::MetricType,
    registry::Registry,
};

use crate::{
    server::call::App,
    store::{Connections, Durability, State},
    tally::{Count, Distribution, Webhook},
};

/// How long the store may take to tell how it is; a scrape goes without that then.
const PATIENCE: Duration = Duration::from_secs(2);

/// All of them, as they are now.
pub(super) async fn text(app: &Arc<App>) -> Result<String, Error> {
    let (state, locked) = state(app).await.unzip();
    let (state, locked) = (state.flatten(), locked.unwrap_or_default());
    let mut registry = Registry::with_prefix("ots");
    registry.register_collector(Box::new(Scrape { app: Arc::clone(app), state, locked, now: Timestamp::now() }));
    let mut text = String::with_capacity(16 * 1024);
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

/// How the store is, if it tells, and whether its tables are locked. Asked on a thread where it holds up no request, whatever the store does.
async fn state(app: &Arc<App>) -> Option<(Option<State>, bool)> {
    let app = Arc::clone(app);
    let runtime = tokio::runtime::Handle::current();
    let asked = async move {
        let state = tokio::time::timeout(PATIENCE, app.vault.state());
        let (state, locked) = tokio::join!(state, app.vault.is_locked());
        (state.ok().and_then(Result::ok), locked)
    };
    let asked = tokio::task::spawn_blocking(move || runtime.block_on(asked));
    tokio::time::timeout(PATIENCE + PATIENCE / 4, asked).await.ok()?.ok()
}

/// What one scrape shows.
struct Scrape {
    app: Arc<App>,
    state: Option<State>,
    locked: bool,
    now: Timestamp,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.server(&mut page)?;
        self.requests(&mut page)?;
        self.secrets(&mut page)?;
        self.writer(&mut page)?;
        self.database(&mut page)?;
        self.state.as_ref().map_or(Ok(()), |state| self.store(&mut page, state))
    }
}

impl Scrape {
    fn server(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        let mut gauge = page.0.encode_descriptor("build_info", "What runs", None, MetricType::Gauge)?;
        gauge.encode_family(&build)?.encode_gauge(&1_i64)?;
        page.gauge("start_time_seconds", "When it started, since 1970", seconds(self.app.started))?;
        if let Some(expires) = self.app.vault.tally().certificate_expiry() {
            page.gauge("certificate_expiry_timestamp_seconds", "When the certificate expires, since 1970", expires)?;
        }
        let traffic = &self.app.traffic;
        page.gauge("connections", "Connections that are open", traffic.connections.get())?;
        page.count("connections_accepted", "Connections that were taken", &traffic.accepted)?;
        page.count("connections_turned_away", "Connections beyond what the server holds", &traffic.turned_away)
    }

    fn requests(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let traffic = &self.app.traffic;
        let mut counter =
            page.0.encode_descriptor("requests", "Requests, by route and status", None, MetricType::Counter)?;
        for (route, status, count) in traffic.requests() {
            let labels = [("route", route), ("status", status.as_str())];
            counter.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let mut histogram = page.0.encode_descriptor(
            "request_duration_seconds",
            "From a request's head to its answer's first byte",
            None,
            MetricType::Histogram,
        )?;
        for (route, Distribution { buckets, count, sum }) in traffic.durations() {
            histogram.encode_family(&[("route", route)])?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        page.counts(
            "refusals",
            "Requests that were refused, by the code that they were told",
            "code",
            traffic.refusals(),
        )
    }

    fn secrets(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let secrets = &self.app.vault.tally().secrets;
        page.count("secrets_created", "Secrets that were stored", &secrets.created)?;
        let reads = [("plain", &secrets.delivered), ("claim", &secrets.claimed)];
        page.counts("secrets_read", "Secrets that were given to their reader", "how", of(reads))?;
        page.count("secrets_repeated", "Times that a reader asked again and got it", &secrets.repeated)?;
        page.count("secrets_acknowledged", "Secrets that were removed by their reader", &secrets.acknowledged)?;
        let burned = [("asked", &secrets.burned), ("passphrases", &secrets.exhausted)];
        page.counts("secrets_burned", "Secrets that were destroyed unread, by why", "why", of(burned))?;
        let expired = [("unread", &secrets.expired), ("read", &secrets.lapsed)];
        page.counts(
            "secrets_expired",
            "Secrets whose time was over: unread, or read and not acknowledged",
            "what",
            of(expired),
        )?;
        page.count("wrong_passphrases", "Passphrases that were wrong", &secrets.wrong_passphrases)
    }

    fn writer(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let tally = self.app.vault.tally();
        page.gauge("store_queue_length", "Changes that wait to be written", tally.queue.get().max(0))?;
        page.gauge("store_queue_limit", "Changes that can wait; more are refused", tally.queue_limit.get())?;
        page.histogram("store_batch_calls", "Changes in one transaction", &tally.batches.distribution())?;
        page.histogram("store_commit_seconds", "How long a transaction took", &tally.commits.distribution())?;
        page.count("store_commit_failures", "Transactions that failed", &tally.failed_commits)?;
        if self.app.vault.tells_of_refusals() {
            let audit = &tally.audit;
            page.count("audit_lines", "Lines of the audit stream that were written", &audit.written)?;
            page.count("audit_lost", "Lines of the audit stream that were lost", &audit.lost)?;
            page.gauge("audit_queue_length", "Lines that wait to be written", audit.queue.get().max(0))?;
            page.gauge("audit_late_seconds", "For how long lines could not be written", audit.late().as_secs_f64())?;
        }
        self.webhooks(page)?;
        page.gauge("store_locked", "1 when somebody has locked the database's tables", i64::from(self.locked))?;
        page.gauge("store_up", "1 when the store tells how it is", i64::from(self.state.is_some()))
    }

    /// How webhooks get on, where there are any. Their labels are the operator's.
    fn webhooks(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let webhooks = &self.app.vault.tally().webhooks;
        if webhooks.each().is_empty() {
            return Ok(());
        }
        let counts = |count: fn(&Webhook) -> u64| {
            webhooks.each().iter().map(move |webhook| (webhook.label.as_str(), count(webhook)))
        };
        let sent = counts(|webhook| webhook.sent.get());
        page.counts("webhook_sent", "Messages that a webhook has taken", "webhook", sent)?;
        let failed = counts(|webhook| webhook.failed.get());
        page.counts("webhook_failed", "Tries to tell a webhook that failed", "webhook", failed)?;
        page.count("webhook_dropped", "Messages that were given up after a day", self.app.vault.messages_given_up())?;
        let gauges = |value: fn(&Webhook, i64) -> i64| {
            let now = self.now.as_millisecond();
            webhooks.each().iter().map(move |webhook| (webhook.label.as_str(), value(webhook, now)))
        };
        let waiting = gauges(|webhook, _| webhook.waiting.get());
        page.gauges("webhook_waiting", "Messages that wait for a webhook", "webhook", waiting)?;
        let age = gauges(|webhook, now| match webhook.oldest.get() {
            0 => 0,
            since => now.saturating_sub(since).max(0) / 1000,
        });
        page.gauges("webhook_oldest_seconds", "Age of what waits longest for a webhook", "webhook", age)?;
        let gone = gauges(|webhook, _| webhook.gone.get());
        page.gauges("webhook_gone", "1 for a webhook that wants nothing any more", "webhook", gone)
    }

    /// What outlives the loss of a machine, as it was found last; and the way to a database elsewhere.
    fn database(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let assurance = self.app.vault.assurance();
        let is = |one: &Durability| (one.name(), i64::from(*one == assurance.durability));
        let durabilities = Durability::ALL.iter().map(is);
        page.gauges("durability", "1 for what the database's durability is", "durability", durabilities)?;
        let required = i64::from(self.app.vault.requires_synchronous());
        page.gauge("durability_required", "1 when nothing is stored unless it is synchronous", required)?;
        if let Some(standbys) = assurance.standbys {
            let standbys = standbys.by_name().into_iter().map(|(name, count)| (name, whole(count)));
            page.gauges("database_standbys", "Machines that follow the database, by how", "state", standbys)?;
        }
        let Some(Connections { open, in_use, waiting, limit }) = self.app.vault.connections() else { return Ok(()) };
        for (name, help, count) in [
            ("database_connections", "Connections to the database that are open", open),
            ("database_connections_in_use", "Those of them that are used", in_use),
            ("database_connections_waiting", "Calls that wait for one", waiting),
            ("database_connections_limit", "How many there can be", limit),
        ] {
            page.gauge(name, help, whole(count))?;
        }
        Ok(())
    }

    fn store(&self, page: &mut Page<'_>, state: &State) -> Result<(), Error> {
        let held = |count: fn(&crate::store::Held) -> u64| state.held.iter().map(count).fold(0, u64::saturating_add);
        page.gauge(
            "secrets",
            "Secrets that are kept, dead ones that wait to be removed too",
            held(|held| held.records),
        )?;
        page.gauge("secrets_bytes", "Bytes of ciphertext that are kept", held(|held| held.bytes))?;
        let unreadable = self.app.vault.unreadable_of(state);
        page.gauge("secrets_unreadable", "Secrets under a SECRET_KEY that the server wasn't given", unreadable)?;
        let age = |since: Option<Timestamp>| since.map_or(0.0, |since| seconds(self.now) - seconds(since)).max(0.0);
        page.gauge("oldest_dead_seconds", "Age of what waits longest to be removed", age(state.oldest_dead))?;
        page.gauge("unclean_seconds", "Since when something removed may be in the files", age(state.unclean_since))?;
        page.gauge("store_wal_bytes", "Bytes of the write-ahead log", state.wal_bytes)?;
        for (name, help, time) in [
            (
                "store_last_commit_timestamp_seconds",
                "When a change was last on the disk, since 1970",
                state.last_commit,
            ),
            ("store_last_sweep_timestamp_seconds", "When a sweep last came to its end, since 1970", state.last_sweep),
        ] {
            page.gauge(name, help, time.map_or(0.0, seconds))?;
        }
        page.gauge("store_lacks_space", "1 when the disk is full, or nearly", i64::from(state.lacks_space))?;
        page.gauge("store_damaged_places", "Damaged places that were met since the start", state.damaged)?;
        page.gauge("clock_ahead", "1 when the clock isn't believed, and nothing expires", i64::from(state.clock_ahead))
    }
}

/// The numbers that belong to names.
fn of<const N: usize>(counts: [(&'static str, &Count); N]) -> impl Iterator<Item = (&'static str, u64)> {
    counts.into_iter().map(|(name, count)| (name, count.get()))
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "nobody reads more digits of a time")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// What is written to.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "numbers, which read better without a reference")]
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = (&'v str, i64)>,
    ) -> Result<(), Error> {
        let mut gauge = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, number) in values {
            gauge.encode_family(&[(label, value)])?.encode_gauge(&number)?;
        }
        Ok(())
    }

    fn count(&mut self, name: &str, help: &str, count: &Count) -> Result<(), Error> {
        let mut counter = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        counter.encode_counter::<NoLabelSet, _, u64>(&count.get(), None)
    }

    fn counts<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        counts: impl Iterator<Item = (&'v str, u64)>,
    ) -> Result<(), Error> {
        let mut counter = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in counts {
            counter.encode_family(&[(label, value)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, distribution: &Distribution) -> Result<(), Error> {
        let Distribution { buckets, count, sum } = distribution;
        let mut histogram = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
    }
}
