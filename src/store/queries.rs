//! Every query by name and shape, one line each. A `read` can be called on [`Store`] and on [`Transaction`], a `write` on
//! [`Transaction`] only. What each does stands with its SQL in `store/src/`.

use super::{Error, Store, Transaction};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor, account::*, agency::*, audit::*, booth::*, certificate::*, credential::*, document::*, figure::*,
        foreign::*, incoming::*, oauth::*, outgoing::*, passkey::*, payment::*, personnel::*, request::*,
        revocation::*, signing_approval::*, staff::*, state::*, verdict::*, work::*,
    },
    request::{Hierarchy, RequestState},
    serial::Serial,
};

macro_rules! queries {
    ($($module:ident { $($kind:ident $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)* })*) => {
        impl Transaction {$($(
            /// Runs the query of this name; what it does stands with its SQL in `store/src/`.
            pub async fn $name(&mut self, $($argument: $type),*) -> Result<$output, Error> {
                match self {
                    Self::Sqlite(transaction) => {
                        Ok(chuky_store_sqlite::$module::$name(&mut *transaction, $($argument),*).await?)
                    }
                    Self::Postgres(transaction) => {
                        let wait = transaction.wait();
                        let asked = chuky_store_postgres::$module::$name(&mut *transaction, $($argument),*);
                        let answered = tokio::time::timeout(wait, asked).await;
                        Ok(answered.unwrap_or_else(|_| Err(transaction.give_up()))?)
                    }
                }
            }
        )*)*}

        $($(queries!(@$kind $module $name($($argument: $type),*) -> $output);)*)*
    };
    (@write $($rest:tt)*) => {};
    (@read $module:ident $name:ident($($argument:ident: $type:ty),*) -> $output:ty) => {
        impl Store {
            /// Runs the query of this name; what it does stands with its SQL in `store/src/`.
            pub async fn $name(&self, $($argument: $type),*) -> Result<$output, Error> {
                match self {
                    Self::Sqlite(store) => {
                        let mut reader = store.reader().await?;
                        Ok(chuky_store_sqlite::$module::$name(&mut reader, $($argument),*).await?)
                    }
                    Self::Postgres(store) => {
                        let mut reader = store.reader().await?;
                        let wait = reader.wait();
                        let asked = chuky_store_postgres::$module::$name(&mut reader, $($argument),*);
                        let answered = tokio::time::timeout(wait, asked).await;
                        Ok(answered.unwrap_or_else(|_| Err(reader.give_up()))?)
                    }
                }
            }
        }
    };
}

queries! {
    account {
        write insert_account(account: &Account) -> ();
        write update_account(account: &Account) -> ();
        read account_by_id(id: AccountId) -> Option<Account>;
        read account_by_login(login: &str) -> Option<Account>;
        read accounts_of_person(person_lookup: &[u8]) -> Vec<Account>;
        read accounts_of_unit(unit: &str, limit: i64) -> Vec<Account>;
        read list_accounts(after: Cursor, limit: i64) -> Vec<Account>;
        read list_staff_accounts(after: Cursor, limit: i64) -> Vec<Account>;
        write hold_staff_quorum() -> ();
        write insert_api_key(key: &ApiKey) -> ();
        write update_api_key(key: &ApiKey) -> ();
        read api_key_by_id(id: ApiKeyId) -> Option<ApiKey>;
        read api_key_by_hash(key_hash: &[u8]) -> Option<ApiKey>;
        read api_keys_of_account(account_id: AccountId) -> Vec<ApiKey>;
        read api_keys_in_force(now: Instant, after: ApiKeyId, limit: i64) -> Vec<ApiKey>;
        write insert_session(session: &Session) -> ();
        write update_session(session: &Session) -> ();
        read session_by_token(token_hash: &[u8]) -> Option<Session>;
        write remove_expired_sessions(before: Instant) -> u64;
    }
    staff {
        write insert_staff_order(order: &StaffOrder) -> ();
        write update_staff_order(order: &StaffOrder) -> ();
        read staff_order_by_id(id: StaffOrderId) -> Option<StaffOrder>;
        read list_staff_orders(before: Cursor, limit: i64) -> Vec<StaffOrder>;
        read expired_staff_orders(at: Instant, limit: i64) -> Vec<StaffOrder>;
        write insert_staff_invitation(invitation: &StaffInvitation) -> ();
        write update_staff_invitation(invitation: &StaffInvitation) -> ();
        read staff_invitation_of(account_id: AccountId) -> Option<StaffInvitation>;
        read staff_invitation_by_code(code_hash: &[u8]) -> Option<StaffInvitation>;
    }
    foreign {
        write insert_foreign_certificate(row: &ForeignCertificate) -> ();
        write update_foreign_certificate(row: &ForeignCertificate) -> ();
        read foreign_certificate_by_id(id: ForeignCertificateId) -> Option<ForeignCertificate>;
        read foreign_certificates_of_account(account_id: AccountId) -> Vec<ForeignCertificate>;
        read foreign_certificates_of_key(key_hash: &[u8]) -> Vec<ForeignCertificate>;
        read waiting_foreign_certificates(after: Cursor, limit: i64) -> Vec<ForeignCertificate>;
    }
    personnel {
        write insert_personnel_order(order: &PersonnelOrder) -> ();
        write update_personnel_order(order: &PersonnelOrder) -> ();
        read personnel_order_by_id(id: PersonnelOrderId) -> Option<PersonnelOrder>;
        read list_personnel_orders(before: Cursor, limit: i64) -> Vec<PersonnelOrder>;
        read due_personnel_orders(at: Instant, limit: i64) -> Vec<PersonnelOrder>;
        read pending_personnel_orders_of(account_id: AccountId) -> Vec<PersonnelOrder>;
        write insert_personnel_line(line: &PersonnelLine) -> ();
        write finish_personnel_line(line: &PersonnelLine) -> ();
        read personnel_lines(order: PersonnelOrderId, from: i64, limit: i64) -> Vec<PersonnelLine>;
    }
    passkey {
        write insert_passkey(passkey: &Passkey) -> ();
        write update_passkey(passkey: &Passkey) -> ();
        write rename_passkey(passkey: &Passkey) -> ();
        read passkey_by_id(id: PasskeyId) -> Option<Passkey>;
        read passkey_by_credential(credential_id: &[u8]) -> Option<Passkey>;
        read passkeys_of_account(account_id: AccountId) -> Vec<Passkey>;
        read passkeys_to_confirm(limit: i64) -> Vec<Passkey>;
        write insert_passkey_enrolment(enrolment: &PasskeyEnrolment) -> ();
        read passkey_enrolment(account_id: AccountId) -> Option<PasskeyEnrolment>;
        write use_passkey_challenge(challenge: &[u8], expires_at: Instant, now: Instant) -> ();
        write insert_approval_assertion(assertion: &ApprovalAssertion) -> ();
        read approval_assertions_of(subject: &str) -> Vec<ApprovalAssertion>;
    }
    request {
        write insert_request(request: &RegistrationRequest, open_key: &[u8]) -> ();
        write update_request(request: &RegistrationRequest) -> ();
        write update_request_content(request: &RegistrationRequest) -> ();
        write erase_request(request: &RegistrationRequest, erased_at: Instant) -> ();
        write insert_identity_salt(request: RequestId, salt: &[u8]) -> ();
        read identity_salt(request: RequestId) -> Option<Vec<u8>>;
        write remove_salts_of_nobody() -> u64;
        read requests_to_erase(before: Instant, limit: i64) -> Vec<RequestId>;
        read request_by_id(id: RequestId) -> Option<RegistrationRequest>;
        read list_requests(state: RequestState, after: Cursor, limit: i64) -> Vec<RegistrationRequest>;
        read list_requests_of_unit(unit: &str, before: Cursor, limit: i64) -> Vec<RegistrationRequest>;
        read list_all_requests(before: Cursor, limit: i64) -> Vec<RegistrationRequest>;
        read requests_of_person(person_lookup: &[u8]) -> Vec<RegistrationRequest>;
        read list_requests_of_unit_in(unit: &str, state: RequestState, after: Cursor, limit: i64) -> Vec<RegistrationRequest>;
        read count_requests_entered(unit: &str, hierarchy: Hierarchy, since: Instant) -> i64;
        read count_requests_issued(unit: &str, hierarchy: Hierarchy, since: Instant) -> i64;
        write insert_approval(approval: &Approval) -> ();
        read approvals_of_request(request_id: RequestId) -> Vec<Approval>;
        write insert_activation_code(code: &ActivationCode) -> ();
        write update_activation_code(code: &ActivationCode) -> ();
        read activation_code_by_hash(code_hash: &[u8]) -> Option<ActivationCode>;
        read activation_code_of_request(request_id: RequestId) -> Option<ActivationCode>;
    }
    certificate {
        write insert_certificate(certificate: &Certificate) -> ();
        write update_certificate(certificate: &Certificate) -> ();
        read certificate_by_id(id: CertificateId) -> Option<Certificate>;
        read certificate_by_serial(issuer_label: &str, serial: &Serial) -> Option<Certificate>;
        read certificates_by_serial(serial: &Serial) -> Vec<Certificate>;
        read certificate_by_fingerprint(fingerprint: &[u8]) -> Option<Certificate>;
        read certificate_by_spki(spki_hash: &[u8]) -> Option<Certificate>;
        read certificates_of_request(request_id: RequestId) -> Vec<Certificate>;
        read certificates_of_account(account_id: AccountId) -> Vec<Certificate>;
        read certificates_of_unit(hierarchy: Hierarchy, unit: &str, after: Cursor, limit: i64) -> Vec<Certificate>;
        read list_certificates(state: CertificateState, after: Cursor, limit: i64) -> Vec<Certificate>;
        read revoked_certificates(issuer_label: &str, after: Option<&Serial>, limit: i64) -> Vec<RevokedCertificate>;
        write insert_authority_key(key: &AuthorityKey) -> ();
        write update_authority_key(key: &AuthorityKey) -> ();
        read authority_keys() -> Vec<AuthorityKey>;
        write hold_issuer(number: i64) -> ();
        read authority_key_by_label(label: &str) -> Option<AuthorityKey>;
    }
    recovery {
        write insert_cross_certificate(row: &CrossCertificate) -> ();
        read cross_certificates() -> Vec<CrossCertificate>;
        write insert_restoration(row: &Restoration) -> ();
        read latest_restoration() -> Option<Restoration>;
        write reconcile_restorations(at: Instant) -> u64;
        write insert_register_confirmation(row: &RegisterConfirmation) -> ();
        read confirmed_register_number(register: &str, unit: &str, year: i64, series: &str, since: Instant) -> Option<i64>;
        write raise_outgoing_series(unit: &str, year: i64, series: &str, last_number: i64) -> ();
        write raise_incoming_series(unit: &str, year: i64, last_number: i64) -> ();
        write remove_sessions() -> u64;
        read live_certificates(issuer_label: &str, now: Instant) -> i64;
        read serials_of_issuer(issuer_label: &str, after: Option<&Serial>, limit: i64) -> Vec<Serial>;
        write archive_answer(issuer_label: &str, serial: &[u8], response: &[u8]) -> ();
        read archived_answer(issuer_label: &str, serial: &[u8]) -> Option<Vec<u8>>;
    }
    revocation {
        write insert_revocation_order(order: &RevocationOrder) -> ();
        write update_revocation_order(order: &RevocationOrder) -> ();
        read revocation_order_by_id(id: RevocationOrderId) -> Option<RevocationOrder>;
        read revocation_orders_in(state: RevocationOrderState, limit: i64) -> Vec<RevocationOrder>;
        read list_revocation_orders(before: Cursor, limit: i64) -> Vec<RevocationOrder>;
        write insert_revocation_line(line: &RevocationLine) -> ();
        write finish_revocation_line(line: &RevocationLine) -> ();
        read revocation_lines(order_id: RevocationOrderId, from: i64, limit: i64) -> Vec<RevocationLine>;
        read count_revocation_lines_done(order_id: RevocationOrderId) -> i64;
    }
    agency {
        write hold_unit_lists() -> ();
        write insert_unit_list(list: &UnitList) -> ();
        read count_unit_lists() -> i64;
        read unit_lists() -> Vec<UnitList>;
        write insert_agency_list(list: &AgencyList) -> ();
        write update_agency_list(list: &AgencyList) -> ();
        read agency_list_by_id(id: AgencyListId) -> Option<AgencyList>;
        read agency_lists_in(state: AgencyListState, limit: i64) -> Vec<AgencyList>;
        read list_agency_lists(before: Cursor, limit: i64) -> Vec<AgencyList>;
        write insert_agency_line(line: &AgencyLine) -> ();
        write correct_agency_line(line: &AgencyLine) -> ();
        write remove_agency_line(list_id: AgencyListId, position: i64) -> ();
        write finish_agency_line(line: &AgencyLine, list_version: i64) -> ();
        read agency_line_of_request(request_id: RequestId) -> Option<AgencyLine>;
        read agency_lines(list_id: AgencyListId, from: i64, limit: i64) -> Vec<AgencyLine>;
        read count_open_agency_lines(list_id: AgencyListId) -> i64;
    }
    crl {
        write publish_crl(list: &Crl) -> ();
        write insert_crl_piece(piece: &CrlPiece) -> ();
        write remove_crl_pieces(issuer_label: &str, before: i64) -> ();
        read crl_piece(issuer_label: &str, number: i64, piece: i64) -> Option<CrlPiece>;
        read latest_crl(issuer_label: &str) -> Option<Crl>;
        read latest_crl_head(issuer_label: &str) -> Option<Crl>;
        read crl_names(issuer_label: &str) -> Vec<String>;
        read status_generation() -> i64;
        write raise_status_generation(above: i64) -> i64;
    }
    credential {
        write insert_credential(credential: &Credential) -> ();
        write update_credential(credential: &Credential) -> ();
        read credential_by_id(id: CredentialId) -> Option<Credential>;
        read credential_of_certificate(certificate_id: CertificateId) -> Option<Credential>;
        read credentials_of_account(account_id: AccountId) -> Vec<Credential>;
        read seals_by_pepper(now: Instant) -> Vec<(i64, i64, i64)>;
        read credentials_under_pepper(pepper_version: i64, after: CredentialId, limit: i64) -> Vec<Credential>;
        write insert_activation(activation: &Activation) -> ();
        write update_activation(activation: &Activation) -> ();
        read activation_by_id(id: ActivationId) -> Option<Activation>;
        read expired_activations(at: Instant, limit: i64) -> Vec<Activation>;
        read open_activations_of_account(account_id: AccountId, now: Instant, limit: i64) -> Vec<Activation>;
        write insert_activation_hashes(hashes: &ActivationHashes) -> ();
        write take_activation_hashes(id: ActivationId, before: &[u8], after: &[u8]) -> ();
        read activation_hashes(id: ActivationId) -> Option<ActivationHashes>;
        write remove_old_activation_hashes(before: Instant) -> u64;
        write insert_signature(signature: &Signature) -> ();
        read signatures_of_document(document_id: DocumentId) -> Vec<Signature>;
        read list_signatures(credential_id: CredentialId, before: Cursor, limit: i64) -> Vec<Signature>;
    }
    taken {
        write take(key: &[u8], at: Instant) -> ();
        write give_up(key: &[u8]) -> ();
    }
    unlock {
        write insert_unlock(unlock: &Unlock) -> ();
        write update_unlock(unlock: &Unlock) -> ();
        read unlock_by_id(id: UnlockId) -> Option<Unlock>;
        read list_unlocks(state: UnlockState, after: Cursor, limit: i64) -> Vec<Unlock>;
    }
    outgoing {
        write insert_outgoing(row: &OutgoingDocument) -> ();
        write update_outgoing(row: &OutgoingDocument) -> ();
        read outgoing_by_id(id: OutgoingId) -> Option<OutgoingDocument>;
        read outgoing_of_document(document_id: DocumentId) -> Option<OutgoingDocument>;
        read outgoing_waiting_for(account_id: AccountId, limit: i64) -> Vec<OutgoingDocument>;
        read outgoing_in_state(unit: &str, state: OutgoingState, limit: i64) -> Vec<OutgoingDocument>;
        read newest_outgoing_in_state(unit: &str, state: OutgoingState, limit: i64) -> Vec<OutgoingDocument>;
        read outgoing_undelivered(now: Instant, limit: i64) -> Vec<OutgoingDocument>;
        read sealed_without_job(kind: &str, after: OutgoingId, limit: i64) -> Vec<OutgoingDocument>;
        read earlier_outgoing(after: OutgoingId, limit: i64) -> Vec<OutgoingDocument>;
        read list_outgoing(unit: &str, before: Cursor, limit: i64) -> Vec<OutgoingDocument>;
        read outgoing_drafted_by(account_id: AccountId, before: Cursor, limit: i64) -> Vec<OutgoingDocument>;
        write insert_outgoing_step(step: &OutgoingStep) -> ();
        write update_outgoing_step(step: &OutgoingStep) -> ();
        read outgoing_steps(id: OutgoingId) -> Vec<OutgoingStep>;
        write insert_outgoing_event(event: &OutgoingEvent) -> ();
        read outgoing_events(id: OutgoingId) -> Vec<OutgoingEvent>;
        write insert_outgoing_recipient(recipient: &OutgoingRecipient) -> ();
        write deliver_outgoing(id: OutgoingId, position: i64, at: Instant) -> bool;
        write deliver_outgoing_recall(id: OutgoingId, position: i64, at: Instant) -> bool;
        write defer_outgoing(id: OutgoingId, position: i64, try_after: Instant) -> ();
        read outgoing_recipients(id: OutgoingId) -> Vec<OutgoingRecipient>;
        write hold_outgoing(row: &OutgoingDocument) -> ();
    }
    outgoing_status {
        write insert_outgoing_status(row: &OutgoingStatus) -> ();
        write update_outgoing_status(row: &OutgoingStatus) -> ();
        read outgoing_status_of(id: &str) -> Option<OutgoingStatus>;
        read outgoing_statuses(id: OutgoingId) -> Vec<OutgoingStatus>;
        read earlier_statuses(after: (OutgoingId, i64), limit: i64) -> Vec<OutgoingRecipient>;
    }
    outgoing_number {
        write next_outgoing_number(unit: &str, year: i64, series: &str) -> i64;
        write insert_outgoing_number(number: &OutgoingNumber) -> ();
        write update_outgoing_number(number: &OutgoingNumber) -> ();
        read outgoing_number_of(id: OutgoingId) -> Option<OutgoingNumber>;
        read last_outgoing_number(unit: &str, year: i64, series: &str) -> Option<OutgoingNumber>;
        read last_outgoing_designated(unit: &str, year: i64, designation: &str) -> Option<OutgoingNumber>;
        read outgoing_numbers(unit: &str, year: i64, series: &str, from: i64, limit: i64) -> Vec<OutgoingNumber>;
    }
    signature_picture {
        write insert_signature_picture(row: &SignaturePicture) -> ();
        write update_signature_picture(row: &SignaturePicture) -> ();
        read signature_picture(credential_id: CredentialId) -> Option<SignaturePicture>;
    }
    document_code {
        write insert_document_code(row: &DocumentCode) -> ();
        write update_document_code(row: &DocumentCode) -> ();
        read document_code_by_id(id: DocumentCodeId) -> Option<DocumentCode>;
        read document_code_by_hash(code_hash: &[u8]) -> Option<DocumentCode>;
        read codes_of_document(document_id: DocumentId, limit: i64) -> Vec<DocumentCode>;
    }
    delegation {
        write insert_delegation(row: &Delegation) -> ();
        write update_delegation(row: &Delegation) -> ();
        read delegation_by_id(id: DelegationId) -> Option<Delegation>;
        read delegations_to(account_id: AccountId, now: Instant, limit: i64) -> Vec<Delegation>;
        read delegations_around(account_id: AccountId, now: Instant, limit: i64) -> Vec<Delegation>;
    }
    incoming_change {
        write insert_incoming_change(row: &IncomingChange) -> ();
        read incoming_change_of(id: IncomingId) -> Option<IncomingChange>;
        read incoming_change_by(unit: &str, package_sha256: &[u8]) -> Option<IncomingChange>;
    }
    incoming {
        write insert_incoming(row: &IncomingDocument) -> ();
        write attest_incoming(row: &IncomingDocument) -> ();
        write insert_incoming_attachment(id: IncomingId, position: i64, unit: &str, sha256: &[u8]) -> ();
        read incoming_with_attachment(unit: &str, sha256: &[u8]) -> Option<IncomingDocument>;
        read last_incoming(unit: &str, year: i64) -> Option<IncomingDocument>;
        read last_incoming_of(unit: &str, sender_id: &str) -> Option<IncomingDocument>;
        read earlier_incoming(after: IncomingId, limit: i64) -> Vec<IncomingDocument>;
        write next_incoming_number(unit: &str, year: i64) -> i64;
        read incoming_by_id(id: IncomingId) -> Option<IncomingDocument>;
        read incoming_registered(unit: &str, sender_id: &str, message_id: &str) -> Vec<IncomingDocument>;
        read list_incoming(unit: &str, before: Cursor, limit: i64) -> Vec<IncomingDocument>;
    }
    document {
        write insert_document(document: &Document) -> ();
        write update_document(document: &Document) -> ();
        read document_by_id(id: DocumentId) -> Option<Document>;
        read documents_without_mac(after: DocumentId, limit: i64) -> Vec<Document>;
        read documents_without_job(kind: &str, after: DocumentId, limit: i64) -> Vec<Document>;
        read list_documents(owner_id: AccountId, before: Cursor, limit: i64) -> Vec<Document>;
    }
    oauth {
        write insert_oauth_client(client: &OauthClient) -> ();
        write update_oauth_client(client: &OauthClient) -> ();
        read oauth_client(id: OauthClientId) -> Option<OauthClient>;
        read list_oauth_clients(after: Cursor, limit: i64) -> Vec<OauthClient>;
        write insert_oauth_code(code: &OauthCode) -> ();
        write update_oauth_code(code: &OauthCode) -> ();
        read oauth_code(code_hash: &[u8]) -> Option<OauthCode>;
        read oauth_codes_of_grant(account_id: AccountId, client_id: OauthClientId, now: Instant, limit: i64) -> Vec<OauthCode>;
        write insert_oauth_token(token: &OauthToken) -> ();
        write update_oauth_token(token: &OauthToken) -> ();
        read oauth_token(token_hash: &[u8]) -> Option<OauthToken>;
        read oauth_tokens_of_code(code_hash: &[u8]) -> Vec<OauthToken>;
        read oauth_tokens_of_account(account_id: AccountId, now: Instant, limit: i64) -> Vec<OauthToken>;
        read oauth_tokens_of_grant(account_id: AccountId, client_id: OauthClientId, now: Instant, limit: i64) -> Vec<OauthToken>;
        write insert_oauth_refresh(token: &OauthRefresh) -> ();
        write update_oauth_refresh(token: &OauthRefresh) -> ();
        read oauth_refresh(token_hash: &[u8]) -> Option<OauthRefresh>;
        read oauth_refresh_of_code(code_hash: &[u8]) -> Vec<OauthRefresh>;
        read oauth_refresh_of_account(account_id: AccountId, now: Instant, limit: i64) -> Vec<OauthRefresh>;
        read oauth_refresh_of_grant(account_id: AccountId, client_id: OauthClientId, now: Instant, limit: i64) -> Vec<OauthRefresh>;
        write remove_old_oauth_grants(before: Instant) -> u64;
    }
    signing_approval {
        write insert_signing_approval(row: &SigningApproval) -> ();
        write update_signing_approval(row: &SigningApproval) -> ();
        read signing_approval(id: SigningApprovalId) -> Option<SigningApproval>;
        read signing_approval_by_handle(handle_hash: &[u8]) -> Option<SigningApproval>;
        read waiting_signing_approvals(account_id: AccountId, now: Instant, limit: i64) -> Vec<SigningApproval>;
        read signing_approvals_waiting(credential_id: CredentialId, now: Instant) -> i64;
        read signing_approvals_asked(credential_id: CredentialId, client: &str, since: Instant) -> (i64, i64);
        read signing_approvals_told(account_id: AccountId, since: Instant) -> i64;
        write remove_old_signing_approvals(before: Instant) -> u64;
    }
    payment {
        write consume_payments(payments: &[PaymentIdentity]) -> Vec<Consumed>;
        read payment_orders(identities: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>)>;
        read payment_by_identity(identity: &[u8]) -> Option<PaymentIdentity>;
        write insert_payment_batch(batch: &PaymentBatch) -> ();
        read payment_batch_by_id(id: BatchId) -> Option<PaymentBatch>;
        read payments_of_batch(id: BatchId) -> Vec<PaymentIdentity>;
        read payment_batches_before(before: Instant, limit: i64) -> Vec<BatchId>;
        write remove_payment_batch(id: BatchId) -> u64;
    }
    provider {
        write insert_payment_provider(provider: &PaymentProvider) -> ();
        write update_payment_provider(provider: &PaymentProvider) -> ();
        read payment_provider(id: AccountId) -> Option<PaymentProvider>;
        read payment_providers(limit: i64) -> Vec<PaymentProvider>;
        write insert_provider_change(change: &ProviderChange) -> ();
        write update_provider_change(change: &ProviderChange) -> ();
        read provider_change(id: ProviderChangeId) -> Option<ProviderChange>;
        read list_provider_changes(state: ChangeState, after: Cursor, limit: i64) -> Vec<ProviderChange>;
        write count_payments(provider: AccountId, day: i64, slot: i64, accepted: i64) -> ();
        read payments_of_day(provider: AccountId, day: i64) -> i64;
        write remove_old_usage(before_day: i64) -> u64;
    }
    alarm {
        write insert_payment_alarm(alarm: &PaymentAlarm) -> bool;
        write update_payment_alarm(alarm: &PaymentAlarm) -> ();
        read payment_alarm(id: PaymentAlarmId) -> Option<PaymentAlarm>;
        read payment_alarms_of(provider: AccountId, before: Cursor, limit: i64) -> Vec<PaymentAlarm>;
        read payment_alarms(before: Cursor, limit: i64) -> Vec<PaymentAlarm>;
        read due_payment_alarms(provider: AccountId, now: Instant, limit: i64) -> Vec<PaymentAlarm>;
        read count_payment_alarms(state: AlarmState) -> i64;
        write remove_old_payment_alarms(before: Instant) -> u64;
    }
    mandate {
        write insert_mandate(row: &Mandate) -> ();
        write update_mandate(row: &Mandate) -> ();
        read mandate(id: MandateId) -> Option<Mandate>;
        read mandates_of(account: AccountId, before: Cursor, limit: i64) -> Vec<Mandate>;
        write insert_mandate_collection(row: &MandateCollection) -> ();
        read mandate_collection(identity: &[u8]) -> Option<MandateCollection>;
        read mandate_collections_of(mandate: MandateId, limit: i64) -> Vec<MandateCollection>;
    }
    merchant {
        write insert_merchant_account(row: &MerchantAccount) -> ();
        write update_merchant_account(row: &MerchantAccount) -> ();
        read merchant_account(id: MerchantAccountId) -> Option<MerchantAccount>;
        read merchant_account_by_payload(payload_hash: &[u8]) -> Option<MerchantAccount>;
        read merchant_accounts_by_lookup(lookup: &[u8], limit: i64) -> Vec<MerchantAccount>;
        read merchant_accounts_of(account: AccountId, after: Cursor, limit: i64) -> Vec<MerchantAccount>;
    }
    verdict {
        write insert_verdict(verdict: &KeptVerdict) -> ();
        read verdict_by_code(code_hash: &[u8]) -> Option<KeptVerdict>;
        write remove_ended_verdicts(before: Instant) -> u64;
    }
    figure {
        read certificate_facts(before: Instant, after: CertificateId, limit: i64) -> Vec<CertificateFact>;
        read sealed_details(after: RequestId, limit: i64) -> Vec<SealedDetails>;
        read first_request_facts(from: Instant, before: Instant, after: RequestId, limit: i64) -> Vec<RequestFact>;
        read hold_facts(kind: &str, before: Instant, after: Option<&HoldFact>, limit: i64) -> Vec<HoldFact>;
        read outgoing_facts(from: Instant, before: Instant, after: OutgoingId, limit: i64) -> Vec<OutgoingFact>;
        read register_facts(from: Instant, before: Instant) -> Vec<RegisterFact>;
    }
    idempotency {
        write begin_idempotent(request: &Idempotency) -> Option<Idempotency>;
        write answer_idempotent(key_hash: &[u8], status: i64, response: &[u8]) -> ();
        write abandon_idempotent(key_hash: &[u8]) -> ();
        write remove_old_idempotent(before: Instant) -> u64;
    }
    audit {
        write insert_audit_entry(entry: &AuditEntry) -> ();
        read pending_audit_entries(limit: i64) -> Vec<AuditEntry>;
        write append_audit_leaves(leaves: &[AuditLeaf]) -> ();
        read audit_size() -> i64;
        read list_audit_leaves(from: i64, limit: i64) -> Vec<(AuditLeaf, AuditEntry)>;
        read pending_audit_entries_of(noun: &str, limit: i64) -> Vec<AuditEntry>;
        read audit_leaf_of_entry(entry_id: AuditEntryId) -> Option<AuditLeaf>;
        read audit_entries_about(subject: &str, after: Cursor, limit: i64) -> Vec<AuditEntry>;
        read count_audit_entries(kind: &str, subject: &str) -> i64;
        read latest_audit_entry_at(kind: &str, subject: &str) -> Option<Instant>;
        read newest_row_version(subject: &str) -> Option<i64>;
        read list_audit_entries(before: Cursor, limit: i64) -> Vec<AuditEntry>;
        read audit_hashes(from: i64, limit: i64) -> Vec<(i64, Vec<u8>)>;
        read audit_entries_adrift(since: Instant, limit: i64) -> Vec<AuditEntryId>;
        write insert_audit_head(head: &AuditHead) -> ();
        read latest_audit_head() -> Option<AuditHead>;
        read list_audit_heads(after_size: i64, limit: i64) -> Vec<AuditHead>;
    }
    booth {
        write give_booth_number(unit: &str, day: &str) -> i64;
        write call_booth_number(unit: &str, day: &str, desk: i64, at: Instant) -> Option<i64>;
        read booth_queue(unit: &str, day: &str) -> Option<BoothQueue>;
        read booth_calls(unit: &str, day: &str, limit: i64) -> Vec<BoothCall>;
        write remove_old_booth_queues(before: &str) -> ();
    }
    work {
        write take_lease(name: &str, holder: &str, now: Instant, until: Instant) -> Option<Lease>;
        write release_lease(name: &str, holder: &str) -> ();
        write insert_job_once(job: &Job) -> ();
        write insert_job(job: &Job) -> ();
        write put_job(job: &Job) -> ();
        read job_by_id(id: JobId) -> Option<Job>;
        write claim_jobs(kind: &str, now: Instant, until: Instant, limit: i64) -> Vec<Job>;
        write remove_finished_jobs(kind: &str, before: Instant) -> u64;
        write finish_job(claimed: &Job, state: JobState, run_at: Instant, last_error: Option<&str>) -> ();
        read messages_after(after: Cursor, limit: i64) -> Vec<Message>;
        write remove_message(id: MessageId) -> ();
        write remove_sent_messages(before: Instant) -> u64;
        write insert_message(message: &Message) -> ();
        read unsent_messages(limit: i64) -> Vec<Message>;
        read due_messages(channel: MessageChannel, now: Instant, longest: Instant, limit: i64) -> Vec<Message>;
        read newest_messages(limit: i64) -> Vec<Message>;
        read count_failed_messages() -> i64;
        write claim_message(id: MessageId, tries: i64, next_at: Instant) -> ();
        write put_message_off(id: MessageId, next_at: Instant) -> ();
        write give_message_up(id: MessageId, at: Instant) -> ();
        write mark_message_sent(id: MessageId, at: Instant) -> ();
        write insert_data_key(key: &DataKey) -> ();
        read data_keys() -> Vec<DataKey>;
    }
}
