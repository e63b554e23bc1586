//! The rows of the reference: type, meaning and source of each setting. Text only; bounds that stand here are checked where the section is.

mod work;

use super::reference::Row;
use work::WORK;

const fn row(key: &'static str, kind: &'static str, meaning: &'static str) -> Row {
    Row { key, kind, meaning, source: "" }
}

const fn from(source: &'static str, row: Row) -> Row {
    Row { source, ..row }
}

/// All of them, in the order in which sections are read.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    FOUNDATION.iter().chain(WORK)
}

/// What the service stands on: network, database, tokens, authority, accounts, registration.
const FOUNDATION: &[Row] = &[
    row(
        "server.listen",
        "ADDRESS:PORT",
        "Where the service listens: by TLS where `server.tls` is set, else by plain HTTP.",
    ),
    row(
        "server.public_url",
        "URL",
        "The address by which callers come, in QR codes and receipts. `https://` where `server.tls` is set.",
    ),
    from(
        "RFC 5280 §8",
        row(
            "server.status_url",
            "URL",
            "The address under which certificates and lists say that status and issuers are found; `public_url` where absent. Plain HTTP. It stands in certificates for ever.",
        ),
    ),
    row("server.largest_upload_mib", "MiB", "The largest upload."),
    row("server.trusted_proxies", "list of addresses or networks", "Proxies whose `X-Forwarded-For` is believed."),
    row(
        "server.request_id_header",
        "header",
        "Where those proxies tell the id that they gave a request (1 to 64 letters, digits, `-`, `_`, `.`). Whoever else sends it is not believed.",
    ),
    row(
        "server.request_lines",
        "true, false",
        "Whether the log has a line for each request: method, template of the route, status, duration, account.",
    ),
    row("server.most_connections", "number, 1 to 1000000", "Connections at a time; more are closed at once."),
    row(
        "server.most_connections_per_address",
        "number",
        "Connections at a time of one address (IPv6: of one network of 64 bits) that is no trusted proxy.",
    ),
    row(
        "server.slow_client_seconds",
        "seconds, 1 to 300",
        "What a client may take for a handshake, for a request's header, between two requests, and between two pieces of a body or an answer. A proxy in front keeps idle connections for less.",
    ),
    row(
        "server.tls.certificate",
        "path, required",
        "PEM: the service's certificate, then those above it. Taken up within seconds when it changes.",
    ),
    row(
        "server.tls.key",
        "path, required",
        "PEM: its private key, of the service's user or root and closed to others (a group may read what is root's).",
    ),
    row(
        "server.tls.plain_listen",
        "ADDRESS:PORT",
        "A plain listener for `/ocsp`, `/crl/`, `/ca/`, `/tsa`, `/healthz` and `/readyz`; all else is sent to `public_url` or refused.",
    ),
    from(
        "RFC 6797 §6.1.1",
        row(
            "server.tls.hsts_seconds",
            "seconds",
            "For how long browsers shall know this host by TLS only; 63072000 where absent, 0: not told.",
        ),
    ),
    from(
        "RFC 5280 §6",
        row(
            "server.tls.client_ca",
            "path",
            "PEM: CAs whose client certificates are accepted. Without it none is asked for; with it, whoever has none still comes.",
        ),
    ),
    from(
        "RFC 5280 §6.3",
        row(
            "server.tls.client_crls",
            "list of paths",
            "PEM: revocation lists of those CAs. A list that has ended admits nobody of its CA.",
        ),
    ),
    from(
        "RFC 8705 §3",
        row(
            "server.tls.bound_keys",
            "table: identifier of an API key = list",
            "The client certificates without which a key opens nothing: SHA-256 in hexadecimal digits, or `dns:NAME`.",
        ),
    ),
    row(
        "server.tls.bound_roles",
        "list of roles",
        "Roles whose API keys open nothing unless they stand in `bound_keys`.",
    ),
    row(
        "database.url",
        "`sqlite:///PATH` or `postgres://…`",
        "The database; SQLite in the data directory where absent.",
    ),
    row(
        "database.wait_seconds",
        "1 to 600",
        "How long a statement of PostgreSQL may take, with the way there and back, before its caller is told to try again. Longer than the half minute that a node which stands still keeps others waiting. SQLite is not asked over a network.",
    ),
    from("PKCS #11", row("hsm.module", "path", "The PKCS#11 library; SoftHSM's usual places where absent.")),
    row(
        "hsm.secrets_dir",
        "path",
        "Directory of the secrets, outside the data directory and its backups; `DATA_DIR.secrets` where absent.",
    ),
    row(
        "hsm.pins_dir",
        "path",
        "Directory of the tokens' PINs, where it is another: one in memory where custodians hold them.",
    ),
    row("hsm.workers_per_token", "number, at least 1", "Worker processes of each token."),
    row("hsm.threads_per_worker", "number, at least 1", "Threads of each worker, one session each."),
    row("hsm.queue", "number, at least 1", "Calls that wait for a worker; more are told to try again."),
    row("hsm.deadline_ms", "milliseconds", "After which a call has failed and its worker is replaced."),
    row("hsm.worker_memory_mib", "MiB", "Resident memory after which an idle worker is retired."),
    row("hsm.rsa_stock", "number", "Ready-made RSA keys of each size, 0 for none."),
    row("hsm.stall_ms", "milliseconds, 250 to 60000", "After which a call that should take few shows a hung worker."),
    row(
        "hsm.tokens[].role",
        "`authority`, `status` or `subscribers`, required",
        "What the token is for. The first of a role serves, the others take over in their order, at most four.",
    ),
    row("hsm.tokens[].module", "path", "Its PKCS#11 library, where it is not `hsm.module`."),
    row("hsm.tokens[].label", "text", "Its label, where it is not `chuky-ROLE`."),
    row("hsm.tokens[].serial", "text", "Its serial number, where the library shows several of this label."),
    row("hsm.tokens[].pin_file", "path", "File with its user PIN, where it is not the first token's."),
    row(
        "hsm.tokens[].environment",
        "table of texts",
        "Environment of its worker processes, such as the library's own settings.",
    ),
    from(
        "RFC 9106 §4; the floor of [custody](custody.md)",
        row("seal.memory_kib", "KiB, at least 65536", "Argon2id: memory of one PIN guess."),
    ),
    from(
        "RFC 9106 §4; the floor of [custody](custody.md)",
        row("seal.iterations", "number, at least 3", "Argon2id: passes over that memory."),
    ),
    row("seal.tries", "number, 1 to 10", "Wrong PINs before a credential locks."),
    row(
        "seal.pepper_days",
        "days, 1 to 3650",
        "For how long a pepper is kept after its successor was made: so old may a backup be.",
    ),
    row(
        "seal.second_factor_officials",
        "`none`, `where_enrolled` or `required`",
        "Signatures of officials that take an authenticator's code or a passkey beside the PIN: of whoever owns or once owned one, or all.",
    ),
    row(
        "seal.second_factor_agencies",
        "`none`, `where_enrolled` or `required`",
        "The same of agencies' seals and systems of the officials' hierarchy: the factor is of the account that seals.",
    ),
    row(
        "seal.second_factor_citizens",
        "`none`, `where_enrolled` or `required`",
        "The same of the citizens' hierarchy.",
    ),
    row("readers.count", "number, at least 1", "Reader processes that parse strangers' documents."),
    row(
        "readers.documents_per_reader",
        "number, at least 1",
        "Documents after which a reader is retired; 1 for the cautious.",
    ),
    row("readers.seconds", "seconds", "After which a reader is killed."),
    row("readers.memory_mib", "MiB", "Memory of a reader."),
    row("fonts.directory", "path", "Directory with Liberation Serif and Sans, version 2 or later."),
    from(
        "RFC 5280 §5.1.2.5",
        row(
            "authority.crl_hours",
            "hours",
            "From a list's `thisUpdate` to its `nextUpdate`; a new one is out at half of it and at once after a change.",
        ),
    ),
    from(
        "RFC 5280 §5.2.5",
        row(
            "authority.crl_parts",
            "number, 1 to 128",
            "Parts into which an issuing CA's list is cut besides the whole one. Set it before the first certificate is issued.",
        ),
    ),
    from(
        "ETSI EN 319 411-1 §6.3.9",
        row(
            "authority.root_list_days",
            "days, 30 to 398",
            "For how long the list of a root whose token is away is good.",
        ),
    ),
    from("RFC 6960 §2.4", row("authority.ocsp_minutes", "minutes", "For how long an OCSP answer is good.")),
    from(
        "Decree 23/2025 names no number that was read",
        row(
            "authority.activation_code_hours",
            "hours, 1 to 720",
            "In which a subscriber confirms the content by redeeming the activation code.",
        ),
    ),
    from(
        "Decree 23/2025: before it expires",
        row(
            "authority.renewal_days",
            "days, at least 0",
            "Before its end within which a certificate can be renewed by its subscriber.",
        ),
    ),
    from(
        "practice of Decree 130/2018",
        row("authority.reminder_days", "list of days, 1 to 366", "Before its end at which a subscriber is reminded."),
    ),
    from(
        "Decree 68/2024, article 11",
        row(
            "authority.issue_working_days",
            "working days, 1 to 3",
            "From a request's entry to its decision and issue, shown as `due_at`.",
        ),
    ),
    from(
        "ETSI EN 319 411-1 §6.2.4",
        row(
            "authority.revocation_hours",
            "hours, 1 to 24",
            "In which an order to revoke is to be dealt with, shown as `due_at`.",
        ),
    ),
    row(
        "authority.suspension_days",
        "days, 0 to 366",
        "After which a suspension that nobody lifted becomes a revocation; 0: never. No article was read that sets it.",
    ),
    from(
        "practice of Decree 130/2018; EN 319 412-5 §4.3.3",
        row(
            "authority.retention_years",
            "years, 5 to 100",
            "After a certificate's end for which its file and status are kept.",
        ),
    ),
    row(
        "authority.profiles_dir",
        "path",
        "Certificate profiles (`*.toml`) beside the built-in ones or in their place: [profiles](profiles.md).",
    ),
    row("authority.known_bad_keys_dir", "path", "Lists of keys that are known to be bad and never certified."),
    from(
        "RFC 5280 §4.2.1.4",
        row(
            "authority.practice_statement",
            "URL in ASCII",
            "Address of the practice statement, put into certificates.",
        ),
    ),
    row(
        "registration.second_secret",
        "`where_reachable` or `required`",
        "When a first activation asks for a second secret. `required` needs `messages.spool_dir`, a gateway or `messages.mail`.",
    ),
    row(
        "registration.approval",
        "`passkey_where_enrolled` or `passkey_required`",
        "When decisions that authorise take a passkey: from an account's first confirmed one on, or always.",
    ),
    row(
        "registration.second_certificate",
        "`refuse`, `warn` or `allow`",
        "What is done where somebody with a certificate in force is entered for another of the same hierarchy. The service's own policy: one free certificate a person.",
    ),
    row(
        "registration.lowest_age",
        "years, 0 to 100",
        "Age from which a person is given a certificate. The service's own policy: no article that names an age is known to it.",
    ),
    from(
        "Law on Identity 26/2023, article 21",
        row(
            "registration.expired_cards",
            "`refuse` or `allow`",
            "What is done with an identity card that has ended: at the age of 14, 25, 40 or 60 that follows its day of issue by more than two years.",
        ),
    ),
    row(
        "registration.suspend_contact",
        "text, at most 120 characters",
        "Where a subscriber has their certificate suspended at once, as receipts say it: the hotline's number. The page of one's own certificates where empty.",
    ),
    row(
        "identity.provider",
        "`manual` or `population`",
        "Who says whether a person is who the card says: whoever enters the request, or a population database besides. See [privacy](privacy.md).",
    ),
    row(
        "identity.url",
        "URL",
        "Where questions are posted to: `https://`, or `http://` at an address of this machine.",
    ),
    row("identity.ca", "path", "PEM: the CAs under which it is believed; the system's where absent."),
    row("identity.client_certificate", "path", "PEM: the certificate that is shown to it."),
    row("identity.client_key", "path", "PEM: its private key, of the service's user and closed to others."),
    row(
        "identity.bearer_file",
        "path",
        "File, closed to others, whose first line is sent as `Authorization: Bearer`. Read at the start.",
    ),
    row("identity.timeout_ms", "milliseconds, 100 to 10000", "For one question, connection and answer together."),
    row("identity.failures", "number, 1 to 100", "Failures in a row after which nothing is asked for a while."),
    row("identity.pause_seconds", "seconds, 1 to 3600", "For how long; then one question is let through."),
    row(
        "identity.unavailable",
        "`record` or `wait`",
        "While it does not answer: the check is recorded as not done and the operator's statement stands, or the request cannot be approved before it has answered.",
    ),
    row("retention.message_days", "days, 1 to 3650", "After which a message that was handed over is removed."),
    row(
        "retention.request_days",
        "days, 31 to 3650",
        "After which a request that was rejected, or that nobody redeemed, names nobody any more.",
    ),
    row(
        "accounts.second_factor",
        "`required` or `where_enrolled`",
        "Of whom a second factor is asked: of all staff, or of whoever enrolled one. `required` where absent, `where_enrolled` in a demonstration.",
    ),
    row("accounts.idle_minutes", "minutes, 1 to 720", "After which an unused session of staff ends."),
    row("accounts.invitation_hours", "hours, 1 to 744", "How long an invitation can be redeemed."),
    row(
        "accounts.order_days",
        "days, 1 to 90",
        "How long an order to make or change an account waits for its decision.",
    ),
    from(
        "ETSI EN 319 421 §7.7.2",
        row(
            "timestamps.clock",
            "`kernel` or `declared`",
            "Whose word says that the clock is right; the kernel's where absent, and for TEST hierarchies the operator's.",
        ),
    ),
];
