//! The rows of the reference: type, meaning and source of each setting. Text only; bounds that stand here are checked where the section is.

use super::reference::Row;

const fn row(key: &'static str, kind: &'static str, meaning: &'static str) -> Row {
    Row { key, kind, meaning, source: "" }
}

const fn from(source: &'static str, row: Row) -> Row {
    Row { source, ..row }
}

/// In the order in which sections are read.
pub(super) const ROWS: &[Row] = &[
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
        "When a first activation asks for a second secret. `required` needs `messages.spool_dir` or a gateway.",
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
    row("messages.sms", "`spool` or `http`", "Who takes messages: the spool directory, or a gateway that is called."),
    row(
        "messages.spool_dir",
        "path",
        "Directory into which messages are written for the operator's gateway; without it they wait in their table.",
    ),
    row("messages.gateway.url", "URL", "Where messages are posted, with `http`: [operators](operators.md#messages)."),
    row("messages.gateway.secret_file", "path", "File with the secret that is sent as `Authorization: Bearer`."),
    row(
        "messages.gateway.addresses",
        "`public`, `private` or `loopback`",
        "Which addresses its host may have; plain HTTP is for `loopback` alone.",
    ),
    row("messages.gateway.roots", "path", "PEM of the CAs that judge its certificate; the system's where absent."),
    row("messages.shown", "true or false", "`/messages` shows them, for development: over a TEST authority alone."),
    row("verification.policy", "name", "The validation policy where a caller names none."),
    row("verification.policies_dir", "path", "Further policies, one TOML file each: [verification](verification.md)."),
    row(
        "verification.trusted_list_days",
        "days, 1 to 3650",
        "After its issue for which a trusted list is relied on at most.",
    ),
    row("verification.link_days", "days, 1 to 3650", "For which a verdict stays under its short link."),
    row(
        "verification.fetch.hosts",
        "list of hosts",
        "Of which lists, OCSP answers and issuers' certificates are fetched; none: nothing is.",
    ),
    row("verification.fetch.seconds", "seconds, 1 to 60", "That all fetching for one verdict may take."),
    row("payments.largest_amount", "minor units, 1 to 9007199254740991", "The largest amount of an order."),
    row(
        "payments.longest_window_seconds",
        "seconds, 60 to 2678400",
        "The longest time between an order's creation and its expiry.",
    ),
    row("payments.clock_skew_seconds", "seconds, 0 to 600", "How far a payer's clock may run ahead."),
    row(
        "payments.certificate_policies",
        "list of object identifiers",
        "Certificate policies, one of which a payer's certificate must name; any certificate will do without.",
    ),
    row(
        "payments.layouts[].name",
        "text, required",
        "By which messages name the layout of a switch: [payments](payments.md).",
    ),
    row("payments.layouts[].separator", "text", "What stands between two fields; without one each field has a width."),
    row(
        "payments.layouts[].fields[].member",
        "name, required",
        "`id`, `payer`, `payee`, `amount`, `currency`, `created`, `expires`, `reference` or `other`.",
    ),
    row("payments.layouts[].fields[].width", "characters", "Of a field of fixed width; its padding is taken off."),
    row(
        "payments.layouts[].fields[].prefix",
        "text",
        "What stands before the value in the order, such as `CCCD:`; none where absent.",
    ),
    row("payments.layouts[].fields[].literal", "text", "The one value that the field may have."),
    row(
        "payments.layouts[].fields[].form",
        "`plain`, `decimal` or `compact`",
        "How the value is written; `plain` where absent.",
    ),
    row("payments.layouts[].currency", "ISO 4217 code", "The currency, where no field says it."),
    row("payments.layouts[].valid_seconds", "seconds", "From `created` to `expires`, where no field says it."),
    row(
        "payments.layouts[].offset",
        "`+HH:MM`",
        "The offset of times that are written without one; `+07:00` where absent.",
    ),
    row(
        "payments.retention_days",
        "days (UTC), at most 400",
        "For which an accepted payment is remembered after its own; at least one more than an order can be fresh for.",
    ),
    row(
        "payments.most_remembered",
        "number, 1000 to 500000000",
        "Payments that one process remembers at most, about 18 octets each.",
    ),
    row("payments.registered_only", "true or false", "Whether only registered providers consume payments."),
    row(
        "payments.webhooks.hosts",
        "list of HOST or HOST:PORT",
        "Hosts that payment providers may be told of alarms at, by HTTPS; none: nobody is.",
    ),
    row(
        "payments.webhooks.addresses",
        "`public`, `private` or `loopback`",
        "Which addresses these hosts may have: those of the public internet; private networks as well; or, for development only, this machine alone, also by plain HTTP.",
    ),
    row(
        "payments.webhooks.roots",
        "path",
        "PEM: CAs by which these hosts' certificates are judged; those of the system where absent.",
    ),
    from(
        "C2SP signed-note",
        row(
            "audit.origin",
            "name",
            "The log's name in its checkpoints; from `public_url` where absent. Another name is another log.",
        ),
    ),
    row("audit.checkpoint_seconds", "seconds, 1 to 3600", "Between two checkpoints."),
    from(
        "C2SP tlog-witness",
        row(
            "audit.witnesses[].url",
            "`https://…` or `http://…`, required",
            "Address of a witness, at most 15. What it answers is verified by its key, and what it is sent is public.",
        ),
    ),
    from(
        "C2SP tlog-cosignature",
        row("audit.witnesses[].key", "`name+id+key`, required", "Its key, as it publishes it."),
    ),
    row(
        "audit.witnesses[].ca",
        "path, PEM",
        "CAs under which its address is believed, or its own certificate; the system's CAs where absent. With `https://` only.",
    ),
    row("audit.witnesses[].client_certificate", "path, PEM", "Certificate that is shown to it, where it asks for one."),
    row("audit.witnesses[].client_key", "path, PEM", "Key of that certificate, closed to others."),
    row(
        "documents.delivery_dir",
        "path",
        "Folder in which edXML packages are laid for the adapter of the document axis; without it they are downloaded.",
    ),
    row(
        "documents.renewal_days",
        "days, 1 to 366",
        "Before the end of an archive timestamp's certificate or algorithms: a PDF at level LTA then gets the next one.",
    ),
    row(
        "rates.login",
        "`{ count, seconds }`",
        "Wrong passwords for one account from one address or known device: so many at once, regained evenly over that time.",
    ),
    row(
        "rates.login_day",
        "`{ count, seconds }`",
        "The same over a day, so that one address does not keep an account's count of wrong passwords high.",
    ),
    row("rates.login_address", "`{ count, seconds }`", "Wrong log-ins from one address, for whatever accounts."),
    row("rates.activation_address", "`{ count, seconds }`", "Wrong activation codes from one address."),
    row("rates.pin", "`{ count, seconds }`", "PIN entries of one account, right or wrong."),
    row(
        "rates.pin_address",
        "`{ count, seconds }`",
        "Wrong PINs from one address, for whatever accounts; through an application or with an API key, of each of its users.",
    ),
    row("rates.client_address", "`{ count, seconds }`", "Wrong names and secrets of applications from one address."),
    row("rates.verify_address", "`{ count, seconds }`", "Documents verified from one address without log-in."),
    row("rates.verify", "`{ count, seconds }`", "Documents verified by one account."),
    row("rates.extend", "`{ count, seconds }`", "Documents of one account taken to level LT or LTA."),
    row(
        "rates.verdict_link",
        "`{ count, seconds }`",
        "Verdicts put under a short link, by one account or from one address.",
    ),
];
