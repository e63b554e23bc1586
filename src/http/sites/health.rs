//! What a supervisor and a monitor ask: whether the process lives, whether it can do its work and if not what is missing, and
//! figures as text. Nothing here names a person.

use crate::{
    app::App,
    audit::published::WitnessState,
    error::Result,
    http::{Access, Route},
    issuance::{Authority, CertifiedKey, ceremony, ends, timestamp},
    logging, outbox,
    tls::Standing,
    transactions::figures::Counts,
    verification,
};
use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use chuky_hsm::Standing as TokenStanding;
use chuky_model::{
    id::AccountId,
    instant::Instant,
    record::state::{AlarmState, MessageChannel},
};
use serde_json::json;
use std::fmt::Write;

/// What a supervisor asks; told over plain HTTP, too.
pub(in crate::http) fn probes() -> [(&'static str, MethodRouter<App>); 2] {
    [("/healthz", get(alive)), ("/readyz", get(ready))]
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/healthz", Access::Public, get(alive)),
        Route::new(Method::GET, "/readyz", Access::Public, get(ready)),
        Route::new(Method::GET, "/metrics", Access::Public, get(metrics)),
    ]
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether database and tokens answer now; 503 with what is missing where one does not. What ails one answer only, on every node alike, is told
/// and sends nobody away: whoever asks for that answer is told so there. Reasons stand in the log, not here.
async fn ready(State(app): State<App>) -> Response {
    let database = app.store.probe().await.is_ok();
    let (mut missing, mut impaired) = (Vec::new(), Vec::new());
    if !database {
        missing.push("database".to_owned());
    }
    let tables = tables(&app, database, &mut missing).await;
    let mut tokens = serde_json::Map::new();
    for (name, token) in app.tokens.named() {
        let health = token.health();
        if !health.ready {
            missing.push(format!("hsm:{name}"));
            tracing::warn!(event = "not_ready", token = name, reason = health.reason);
        }
        let each = health.tokens.iter().map(|token| {
            if let (Some(reason), true) = (&token.reason, health.ready) {
                tracing::warn!(event = "token_not_well", role = name, token = token.label, reason);
            }
            json!({ "label": token.label, "serial": token.serial, "state": token.standing.name(), "workers": token.workers })
        });
        let each: Vec<_> = each.collect();
        let state = json!({
            "ready": health.ready, "workers": health.workers, "in_flight": health.in_flight, "tokens": each,
        });
        tokens.insert(name.to_owned(), state);
    }
    // The clock is asked only where somebody would be stamped by it.
    let clock = match timestamp::readiness(&app).await {
        None => serde_json::Value::Null,
        Some(Ok(())) => true.into(),
        Some(Err(reason)) => {
            impaired.push("clock".to_owned());
            tracing::warn!(event = "impaired", what = "clock", reason);
            false.into()
        }
    };
    let trust = trust(&app).await;
    if trust == Some(false) {
        impaired.push("trust".to_owned());
    }
    let authority = authority_state(&app, &mut impaired).await;
    let audit = audit_state(&app, &mut missing);
    let messages = app.settings.sends(MessageChannel::Sms).then(|| app.spooling.is_well());
    if messages == Some(false) {
        impaired.push("messages".to_owned());
    }
    let mail = app.settings.mail.is_some().then(|| app.spooling.mail_is_well());
    if mail == Some(false) {
        impaired.push("mail".to_owned());
    }
    let standing = app.tls.get().map(|tls| tls.standing());
    if standing.as_ref().is_some_and(|standing| standing.refused.is_some()) {
        impaired.push("tls_files".to_owned());
    }
    let tls = standing.map(|standing| tls_state(&app, &standing, &mut missing));
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = missing.is_empty();
    let body = json!({
        "ready": ready, "missing": missing, "impaired": impaired, "database": database, "tables": tables, "hsm": tokens,
        "clock": clock, "trust": trust, "authority": authority, "messages": messages, "mail": mail, "tls": tls, "audit": audit,
    });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// How the tables stand to this program, which a newer node may have added to since it started; `None` where the database does not answer.
async fn tables(app: &App, database: bool, missing: &mut Vec<String>) -> Option<&'static str> {
    let tables = match app.store.tables().await {
        Ok(tables) => tables,
        Err(error) => {
            // A database that does not answer is told of already.
            if database {
                missing.push("tables".to_owned());
                tracing::warn!(event = "not_ready", reason = %error);
            }
            return None;
        }
    };
    if !tables.are_usable() {
        missing.push("tables".to_owned());
        tracing::warn!(event = "not_ready", reason = %tables);
    }
    Some(tables.name())
}

/// Whether the log is whole as far as it was read, and how many entries that stood in a summary at the start are still to be read.
fn audit_state(app: &App, missing: &mut Vec<String>) -> serde_json::Value {
    let rows = app.audit.row_versions();
    let broken = rows.broken();
    if let Some(reason) = &broken {
        missing.push("audit".to_owned());
        tracing::warn!(event = "not_ready", reason);
    }
    json!({ "whole": broken.is_none(), "unread": rows.still_unread() })
}

/// What of the authority has ended while others need it: they are answered with errors, or with what nobody believes. `null` before a
/// ceremony; without what has ended where that cannot be read.
async fn authority_state(app: &App, impaired: &mut Vec<String>) -> serde_json::Value {
    if matches!(ceremony::was_held(app).await, Ok(false)) {
        return serde_json::Value::Null;
    }
    match ended(app).await {
        Ok(ended) => {
            for what in &ended {
                tracing::warn!(event = "impaired", reason = "it has ended or is not there", what);
            }
            impaired.extend(ended.iter().cloned());
            json!({ "ended": ended })
        }
        Err(error) => {
            tracing::warn!(event = "impaired", what = "authority", reason = %error);
            impaired.push("authority".to_owned());
            json!({ "ended": null })
        }
    }
}

async fn ended(app: &App) -> Result<Vec<String>> {
    let authority = Authority::of(app).await?;
    let now = app.clock.now();
    let certificates = ends::in_service(&authority).into_iter().filter(|key| key.certificate.not_after() <= now);
    let mut ended: Vec<String> = certificates.map(|key| format!("certificate:{}", key.label)).collect();
    let lists = ends::lists(&app.store, &authority).await?;
    ended.extend(lists.iter().filter(|list| list.next_update <= now).map(|list| format!("list:{}", list.name)));
    ended.extend(ends::absent(&authority));
    Ok(ended)
}

/// Figures of what is right, fresh, lasting or lost.
async fn conditions(app: &App) -> Vec<(&'static str, &'static str, Figure)> {
    let told = |is_well: bool| vec![(String::new(), usize::from(is_well))];
    let clock = timestamp::readiness(app).await.map(|found| told(found.is_ok())).unwrap_or_default();
    let trust = trust(app).await.map(told).unwrap_or_default();
    let AuthorityFigures { keys, absent, left: lists, life } = authority_figures(app).await;
    let (left, usable) = tls_figures(app);
    let lost = vec![(String::new(), logging::lost())];
    let keys_help = "Seconds to the end of the certificate of a key of the authority that is in service.";
    let trust_help = "1 where recorded trust data is whole and fresh; absent where none is.";
    vec![
        ("chuky_clock_right", "1 where the clock is one to stamp by; absent where nobody is stamped.", clock),
        ("chuky_trust_fresh", trust_help, trust),
        ("chuky_authority_certificate_seconds_left", keys_help, keys),
        ("chuky_authority_absent", "1 for whatever should issue, answer or stamp, and is not there.", absent),
        ("chuky_revocation_list_seconds_left", "Seconds to the end of the newest list of a name.", lists),
        ("chuky_revocation_list_life_seconds", "Seconds from the beginning to the end of that list.", life),
        ("chuky_log_lines_lost", "Log lines that could not be written.", lost),
        ("chuky_tls_certificate_seconds_left", "Seconds to the end of the TLS certificate that is shown.", left),
        ("chuky_tls_files_usable", "1 where the TLS files that lie there can be used.", usable),
    ]
}

/// Figures of the authority.
#[derive(Default)]
struct AuthorityFigures {
    /// Seconds to the end of the certificates of keys in service.
    keys: Figure,
    /// What should be in service.
    absent: Figure,
    /// Seconds to the end of the newest lists, and of their whole life.
    left: Figure,
    life: Figure,
}

async fn authority_figures(app: &App) -> AuthorityFigures {
    let Ok(authority) = Authority::of(app).await else { return AuthorityFigures::default() };
    let now = app.clock.now().unix_seconds();
    let left = |end: Instant| usize::try_from(end.unix_seconds().saturating_sub(now)).unwrap_or_default();
    let of_key = |key: &CertifiedKey| {
        let (hierarchy, purpose, state) = (key.hierarchy.name(), key.purpose.name(), key.state.name());
        let label = &key.label;
        let labels = format!("{{label=\"{label}\",hierarchy=\"{hierarchy}\",purpose=\"{purpose}\",state=\"{state}\"}}");
        (labels, left(key.certificate.not_after()))
    };
    let named = |list: &ends::ListEnd| {
        let by = if list.by_ceremony { "ceremony" } else { "service" };
        format!("{{list=\"{}\",renewed_by=\"{by}\"}}", list.name)
    };
    let life = |list: &ends::ListEnd| {
        let seconds = list.next_update.unix_seconds().saturating_sub(list.this_update.unix_seconds());
        (named(list), usize::try_from(seconds).unwrap_or_default())
    };
    let lists = ends::lists(&app.store, &authority).await.unwrap_or_default();
    let absent = ends::absent(&authority).into_iter();
    AuthorityFigures {
        keys: ends::in_service(&authority).into_iter().map(of_key).collect(),
        absent: absent.map(|what| (format!("{{what=\"{what}\"}}"), 1)).collect(),
        left: lists.iter().map(|list| (named(list), left(list.next_update))).collect(),
        life: lists.iter().map(life).collect(),
    }
}

/// What is said of TLS. New files that cannot be used keep the old ones, so callers stay; a certificate that has ended does not serve them.
fn tls_state(app: &App, standing: &Standing, missing: &mut Vec<String>) -> serde_json::Value {
    if standing.not_after <= app.clock.now() {
        missing.push("tls".to_owned());
        tracing::warn!(event = "not_ready", reason = "the TLS certificate has ended");
    }
    json!({ "not_after": standing.not_after.rfc3339(), "files_usable": standing.refused.is_none() })
}

/// Figures of TLS: when the certificate that is shown ends, and whether the files that lie there now can be used.
fn tls_figures(app: &App) -> (Figure, Figure) {
    let standing = app.tls.get().map(|tls| tls.standing());
    let end = |standing: &Standing| {
        let left = standing.not_after.unix_seconds().saturating_sub(app.clock.now().unix_seconds());
        (String::new(), usize::try_from(left).unwrap_or_default())
    };
    let usable = |standing: &Standing| (String::new(), usize::from(standing.refused.is_none()));
    (standing.iter().map(end).collect(), standing.iter().map(usable).collect())
}

/// Values of one figure by their labels.
type Figure = Vec<(String, usize)>;

/// Whether the recorded trust data is complete and fresh; `None` where nothing was recorded.
async fn trust(app: &App) -> Option<bool> {
    let snapshot = match verification::present_trust(app).await {
        Ok(snapshot) => snapshot?,
        Err(error) => {
            tracing::warn!(event = "impaired", what = "trust", reason = %error);
            return Some(false);
        }
    };
    let gaps: Vec<String> = snapshot.missing.iter().cloned().chain(snapshot.stale(app.clock.now())).collect();
    if !gaps.is_empty() {
        tracing::warn!(event = "impaired", what = "trust", reason = gaps.join("; "));
    }
    Some(gaps.is_empty())
}

/// Of each token of a role whether it serves or would.
fn each_token(role: &str, health: chuky_hsm::Health) -> Vec<(String, usize)> {
    let usable = |standing| usize::from(matches!(standing, TokenStanding::Serving | TokenStanding::StandingBy));
    let line = |(number, token): (usize, chuky_hsm::TokenHealth)| {
        (format!("{{token=\"{role}\",number=\"{number}\"}}"), usable(token.standing))
    };
    (1..).zip(health.tokens).map(line).collect()
}

fn payments(app: &App) -> Vec<(String, usize)> {
    let each = |(provider, counts): (AccountId, Counts)| {
        let outcomes = [
            ("accepted", counts.accepted),
            ("repeated", counts.repeated),
            ("conflict", counts.conflicts),
            ("rejected", counts.rejected),
            ("indeterminate", counts.indeterminate),
            ("throttled", counts.throttled),
        ];
        outcomes
            .map(|(outcome, count)| (format!("{{provider=\"{provider}\",outcome=\"{outcome}\"}}"), figure_of(count)))
    };
    app.payments.figures.providers().into_iter().flat_map(each).collect()
}

fn signed_by(witness: &WitnessState) -> (String, usize) {
    let size = witness.last.as_ref().map_or(0, |last| last.size);
    (format!("{{witness=\"{}\"}}", witness.name.replace(['\\', '"'], "")), figure_of(size))
}

fn figure_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Figures in the Prometheus text format 0.0.4.
async fn metrics(State(app): State<App>) -> Response {
    let mut text = String::new();
    let mut figure = |name: &str, help: &str, values: &[(String, usize)]| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let tokens = app.tokens.named().map(|(name, token)| (format!("{{token=\"{name}\"}}"), token.health()));
    let of = |value: fn(&chuky_hsm::Health) -> usize| {
        tokens.iter().map(|(labels, health)| (labels.clone(), value(health))).collect::<Vec<_>>()
    };
    figure("chuky_hsm_ready", "1 where the token serves calls.", &of(|health| usize::from(health.ready)));
    figure("chuky_hsm_workers", "Worker processes that are up.", &of(|health| health.workers));
    figure("chuky_hsm_in_flight", "Calls waiting or running.", &of(|health| health.in_flight));
    if let Ok(waiting) = outbox::waiting(&app).await {
        let help = "Messages that nothing has taken to send, at most 1000.";
        figure("chuky_messages_waiting", help, &[(String::new(), waiting)]);
    }
    if let Ok(failed) = app.store.count_failed_messages().await {
        let help = "Messages that the gateway refused for good or that grew too old, while they are kept.";
        figure("chuky_messages_failed", help, &[(String::new(), usize::try_from(failed).unwrap_or(usize::MAX))]);
    }
    let each: Vec<_> =
        app.tokens.named().into_iter().flat_map(|(name, token)| each_token(name, token.health())).collect();
    figure("chuky_hsm_token_usable", "1 where this token of the role serves or would, in their order.", &each);
    let size = app.store.audit_size().await;
    figure("chuky_database_ready", "1 where the database answers.", &[(String::new(), usize::from(size.is_ok()))]);
    let entries = usize::try_from(size.unwrap_or_default()).unwrap_or_default();
    figure("chuky_audit_entries", "Entries in the audit log's tree.", &[(String::new(), entries)]);
    let help = "Entries that a summary stood for at the start, and that were not read since.";
    figure("chuky_audit_unread", help, &[(String::new(), figure_of(app.audit.row_versions().still_unread()))]);
    let witnesses: Vec<_> = app.log.witnesses().await.into_iter().map(|witness| signed_by(&witness)).collect();
    figure("chuky_audit_witness_signed", "Entries under the last checkpoint that the witness signed.", &witnesses);
    let remembered = app.payments.remembered().count();
    figure("chuky_payments_remembered", "Accepted payments in this process's memory.", &[(String::new(), remembered)]);
    let mut alarms = Vec::new();
    for state in [AlarmState::Waiting, AlarmState::GivenUp] {
        if let Ok(count) = app.store.count_payment_alarms(state).await {
            alarms.push((format!("{{state=\"{}\"}}", state.name()), usize::try_from(count).unwrap_or_default()));
        }
    }
    figure("chuky_payment_alarms", "Alarms that payment providers have not been told.", &alarms);
    let ahead = usize::try_from(app.clock.ahead_seconds()).unwrap_or_default();
    let help = "Seconds by which the wall clock jumped ahead since the start; payments are forgotten later by it.";
    figure("chuky_clock_ahead_seconds", help, &[(String::new(), ahead)]);
    let help = "Payments of each provider by what became of them, since the start.";
    figure("chuky_payments", help, &payments(&app));
    let reasons = app.payments.figures.reasons().into_iter();
    let reasons: Vec<_> =
        reasons.map(|(reason, count)| (format!("{{reason=\"{reason}\"}}"), figure_of(count))).collect();
    figure("chuky_payment_reasons", "How often each reason kept a payment from being accepted.", &reasons);
    let connected = usize::try_from(app.connections.count()).unwrap_or_default();
    figure("chuky_connections", "Connections that are open.", &[(String::new(), connected)]);
    let refused = figure_of(app.connections.refused());
    let help = "Connections that were closed at once since the start, because too many were open.";
    figure("chuky_connections_refused", help, &[(String::new(), refused)]);
    for (name, help, values) in conditions(&app).await {
        figure(name, help, &values);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
