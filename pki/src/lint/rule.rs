//! Every rule of the linter by name, with its clause and what breaking it means. Text only: what breaks a rule is decided beside.

macro_rules! rules {
    ($($name:ident $clause:literal $text:literal;)*) => {
        /// A rule that certificates, lists or status answers keep.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {$(
            #[doc = $text]
            $name,
        )*}

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Rule] = &[$(Self::$name),*];

            /// Where it stands.
            pub fn clause(self) -> &'static str {
                match self { $(Self::$name => $clause),* }
            }

            /// What is wrong where it is broken.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

rules! {
    // Certificates: fields
    Unreadable "RFC 5280 §4.1" "the certificate cannot be read";
    Version "RFC 5280 §4.1.2.1" "the version is not 3";
    SerialForm "RFC 5280 §4.1.2.2" "the serial number is zero, negative or too long";
    SerialRandomness "CA/Browser Forum BR §7.1" "the serial number is too short to hold 64 random bits";
    AlgorithmsDiffer "RFC 5280 §4.1.1.2" "the signature algorithm inside is not the one that signs";
    AlgorithmNotAdmitted "Circular 15/2025, Appendix I" "the signature's hash function is not admitted";
    ValidityOrder "RFC 5280 §4.1.2.5" "the validity ends before it begins";
    ValidityLength "profile" "the validity is longer than the profile allows";
    TimeForm "RFC 5280 §4.1.2.5" "times through 2049 are UTCTime, later ones GeneralizedTime, in whole seconds of UTC";
    UniqueIdentifier "RFC 5280 §4.1.2.8" "unique identifiers are not used";
    KeyUnreadable "RFC 5280 §4.1.2.7" "the public key cannot be read";
    KeyParameters "RFC 3279 §2.3.1, RFC 5480 §2.2" "RSA parameters are not NULL, or a curve's point is not uncompressed";
    KeyNotAdmitted "Circular 15/2025, Appendix I" "keys of this type are not certified under the profile";
    KeyWeak "Circular 15/2025, Appendix I" "the key is weak";
    // Certificates: names
    IssuerEmpty "RFC 5280 §4.1.2.4" "the issuer's name is empty";
    SubjectEmpty "RFC 5280 §4.1.2.6" "the subject's name is empty";
    NameString "RFC 5280 §4.1.2.4" "a value of a name has a string type that it must not have";
    NameCountry "RFC 5280 appendix A.1" "a country is not an ISO 3166 code of two letters";
    NameLength "RFC 5280 appendix A.1" "a value of a name is empty or longer than its upper bound";
    NameNormal "TCVN 6909:2001" "a value of a name is not in NFC, or has outer spaces or control characters";
    NameMail "RFC 5280 §4.1.2.6" "a mail address stands in the subject";
    NameOnce "EN 319 412-2 §4.2.4" "country and common name stand at most once";
    SubjectProfile "profile" "the subject is not as the profile wants it";
    IssuerAttributes "EN 319 412-2 §4.2.3.1" "the issuer's name lacks country, organization or common name";
    PersonAttributes "EN 319 412-2 §4.2.4" "a person's subject lacks country, common name, serial number, or given name and surname";
    PersonIdentifier "EN 319 412-1 §5.1.3" "the person's serial number has not the form of an identifier";
    OrganizationAttributes "EN 319 412-3 §4.2.1" "a legal person's subject lacks country, organization, its identifier or common name";
    OrganizationIdentifier "EN 319 412-1 §5.1.4" "the organization's identifier has not the form of one";
    OrganizationName "EN 319 412-3 §4.2.1" "the organization's identifier is its name";
    // Certificates: extensions
    ExtensionUnreadable "RFC 5280 §4.2" "an extension cannot be read";
    ExtensionDefault "X.690 §11.5" "a default value is written out";
    ExtensionForeign "profile" "an extension is not in the profile";
    AuthorityKeyAbsent "RFC 5280 §4.2.1.1" "there is no authority key identifier";
    AuthorityKeyCritical "RFC 5280 §4.2.1.1" "the authority key identifier is critical";
    SubjectKeyAbsent "RFC 5280 §4.2.1.2" "there is no subject key identifier";
    SubjectKeyCritical "RFC 5280 §4.2.1.2" "the subject key identifier is critical";
    SubjectKeyValue "RFC 7093 §2" "the subject key identifier is not the key's";
    KeyUsageAbsent "RFC 5280 §4.2.1.3" "key usage is absent or empty";
    KeyUsageCritical "RFC 5280 §4.2.1.3" "key usage is not critical";
    KeyUsageBits "X.690 §11.2.2" "key usage has trailing zero bits";
    KeyUsageProfile "profile" "the key usage is otherwise in the profile";
    KeyUsageAuthority "RFC 5280 §4.2.1.9" "keyCertSign without CA, or CA without keyCertSign";
    KeyUsageCommitment "EN 319 412-2 §4.3.2" "a key that commits to contents does something else besides signing";
    BasicCritical "RFC 5280 §4.2.1.9" "basic constraints of a CA are not critical";
    BasicProfile "profile" "CA or not is otherwise in the profile";
    PathLengthProfile "profile" "the path length constraint is otherwise in the profile";
    PathLengthWithoutAuthority "RFC 5280 §4.2.1.9" "a path length constraint without CA or keyCertSign";
    ExtendedProfile "profile" "the extended key usage, or whether it is critical, is otherwise in the profile";
    ExtendedAny "RFC 5280 §4.2.1.12" "anyExtendedKeyUsage is critical";
    TimeStampingAlone "RFC 3161 §2.3" "timeStamping does not stand alone, or is not critical";
    NoCheck "RFC 6960 §4.2.2.2.1" "nocheck is not NULL, is critical, or stands with another than a responder";
    PolicyProfile "profile" "the certificate policies are otherwise in the profile";
    PolicyTwice "RFC 5280 §4.2.1.4" "a certificate policy stands twice";
    PolicyQualifier "RFC 5280 §4.2.1.4" "a policy qualifier is neither an address of a practice statement nor a notice of at most 200 characters";
    PolicyCritical "EN 319 412-2 §4.3.3" "the certificate policies are critical";
    AccessCritical "RFC 5280 §4.2.2.1" "the authority information access is critical";
    AccessProfile "profile" "the addresses of responder and issuer are otherwise in the profile";
    AccessAbsent "EN 319 412-2 §4.4.1" "a subscriber's certificate does not say where its issuer's is found";
    PointsCritical "EN 319 412-2 §4.3.11" "the CRL distribution points are critical";
    PointsProfile "profile" "the addresses of lists are otherwise in the profile";
    StatusAbsent "EN 319 412-2 §4.3.11" "a subscriber's certificate names neither list nor responder";
    AddressForm "RFC 5280 §4.2.1.6" "an address is not an HTTP URI in ASCII";
    StatementsCritical "EN 319 412-5 §4.1" "the qualified statements are critical";
    StatementsForm "EN 319 412-5 §4" "a qualified statement has not the form of its kind, or stands twice";
    StatementsProfile "profile" "the qualified statements are otherwise in the profile";
    PrivateProfile "profile" "a private extension is otherwise in the profile";
    // Lists
    ListUnreadable "RFC 5280 §5.1" "the list cannot be read";
    ListVersion "RFC 5280 §5.1.2.1" "the list's version is not 2";
    ListAlgorithms "RFC 5280 §5.1.1.2" "the list's two signature algorithms differ";
    ListAlgorithmNotAdmitted "Circular 15/2025, Appendix I" "the hash function of the list's signature is not admitted";
    ListIssuer "RFC 5280 §5.1.2.3" "the list's issuer is not named as in its certificate";
    ListSigner "RFC 5280 §4.2.1.3" "the issuer's key may not sign lists";
    ListTimeForm "RFC 5280 §5.1.2.4" "the list's times are not as certificates have them";
    ListNextUpdate "RFC 5280 §5.1.2.5" "nextUpdate is absent or not after thisUpdate";
    ListEmpty "RFC 5280 §5.1.2.6" "a list of nothing is present";
    EntrySerial "RFC 5280 §5.1.2.6" "an entry's serial number is zero, negative or too long";
    EntryOrder "interface of lists" "entries are not sorted by serial number, each once";
    EntryTime "RFC 5280 §5.1.2.6" "a revocation's time has the wrong form or lies in the list's future";
    EntryReason "RFC 5280 §5.3.1" "a reason is written out as unspecified, is unknown, or belongs to delta lists";
    EntryInvalidity "RFC 5280 §5.3.2" "an invalidity date is not a GeneralizedTime in whole seconds of UTC";
    EntryExtension "RFC 5280 §5.3" "an entry has an extension that is critical or not used here";
    ListAuthorityKey "RFC 5280 §5.2.1" "the list's authority key identifier is absent, critical or another's";
    ListNumber "RFC 5280 §5.2.3" "the list's number is absent, critical, negative or too long";
    ListScope "RFC 5280 §5.2.5" "the issuing distribution point is not critical, empty, or contradicts itself";
    ListExpired "X.509 §9.5.2.8" "expiredCertsOnCRL is critical or no GeneralizedTime";
    ListExtension "RFC 5280 §5.2" "the list has an extension that is not used here";
    // Status answers
    AnswerUnreadable "RFC 6960 §4.2.1" "the answer cannot be read";
    AnswerAlgorithmNotAdmitted "Circular 15/2025, Appendix I" "the hash function of the answer's signature is not admitted";
    AnswerTimeForm "RFC 6960 §4.2.1" "a time is not a GeneralizedTime in whole seconds of UTC";
    AnswerEmpty "RFC 6960 §4.2.1" "the answer is about nothing";
    AnswerTwice "RFC 6960 §4.2.1" "the answer tells of one certificate twice";
    AnswerOrder "RFC 6960 §4.2.2.1" "thisUpdate lies after producedAt, or nextUpdate not after thisUpdate";
    AnswerRevocation "RFC 6960 §4.2.1" "a revocation lies in the answer's future, or its reason is written out as unspecified or belongs to lists";
    AnswerNonce "RFC 9654 §2.1" "the nonce is not an OCTET STRING of 1 to 128 octets";
    AnswerExtension "RFC 6960 §4.4" "the answer has an extension that is critical or not used here";
    AnswerResponder "RFC 6960 §4.2.2.2" "the responder's certificate is absent, not delegated by the issuer, or not valid at the time";
    AnswerNoCheck "RFC 6960 §4.2.2.2.1" "the responder's certificate neither has nocheck nor says where its status is found";
}
