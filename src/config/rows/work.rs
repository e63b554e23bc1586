//! The rows of what the service does: messages, verification, signing, payments, retention, quotas.

use super::{Row, from, row};

pub(super) const WORK: &[Row] = &[
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
    row("messages.mail.host", "name", "The mail server that takes messages; without it nothing goes by mail."),
    row("messages.mail.port", "1 to 65535", "Its port; 465, 587 with `starttls`, 25 with `loopback` where absent."),
    row(
        "messages.mail.security",
        "`tls`, `starttls` or `loopback`",
        "TLS at once, TLS after STARTTLS (nothing is sent without), or in clear to this machine alone.",
    ),
    row(
        "messages.mail.from",
        "mail address",
        "Who messages are from: `chuky@example.vn`, or `Name <chuky@example.vn>`.",
    ),
    row("messages.mail.username", "text", "By which the server knows this service; with `password_file`."),
    row("messages.mail.password_file", "path", "File with the password, one line; read anew for each round."),
    row("messages.mail.roots", "path", "PEM of the CAs that judge its certificate; the system's where absent."),
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
        "documents.foreign_certificates",
        "`any` or `registered`",
        "Which certificates of other authorities sign documents here: any that the verifier accepts, or those that the signer has registered.",
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
