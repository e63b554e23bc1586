//! The kinds of change that can follow a signature: their stable names, and what permission each needs. The one place that
//! lists them. A change that fits no kind is `unknown`, and never permitted.

/// What a signer must have allowed for a change to be permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Harmless without anybody's permission.
    Nothing,
    /// Signing: everything but `DocMDP` 1 allows it.
    Signing,
    /// Form filling: `DocMDP` 2 or 3, or no certification; and no lock on the field.
    FormFilling,
    /// Filling a field again that had a value when it was signed: only `DocMDP` 2 or 3 allows it, and no lock on the field.
    Refilling,
    /// Annotating: only `DocMDP` 3 allows it.
    Annotating,
    /// Nobody can allow it.
    Impossible,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $needs:ident,)*) => {
        /// A kind of change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ChangeKind { $($(#[$doc])* $variant,)* }

        impl ChangeKind {
            /// Every kind.
            pub const ALL: &[ChangeKind] = &[$(Self::$variant,)*];

            /// The stable name that reports carry.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the change needs.
            pub fn needs(self) -> Needs {
                match self { $(Self::$variant => Needs::$needs,)* }
            }
        }
    };
}

kinds! {
    /// `DSS` with `VRI`, certificates, CRLs, OCSP answers; the `Extensions` and `Version` that go with it.
    LongTermData "long_term_data" Nothing,
    /// A document timestamp with its field.
    DocumentTimestamp "document_timestamp" Nothing,
    /// A further signature, in a new or an empty signature field, with its widget and the form entries it needs.
    FurtherSignature "further_signature" Signing,
    /// A new empty signature field.
    SignatureField "signature_field" Signing,
    /// Dates, tools and history of `Metadata`, dates and producer of `Info`, private data of applications.
    Metadata "metadata" Nothing,
    /// Structure elements for new widgets only.
    StructureTree "structure_tree" Nothing,
    /// Bytes behind the last revision that no reader can use.
    UnusedBytes "unused_bytes" Nothing,
    /// A field that existed was filled, and what is shown is what is stored.
    FormFilled "form_filled" FormFilling,
    /// A field that had a value when it was signed has another one now.
    FormRefilled "form_refilled" Refilling,
    /// An annotation added, of a type that cannot pass for content.
    AnnotationAdded "annotation_added" Annotating,
    /// Such an annotation changed.
    AnnotationChanged "annotation_changed" Annotating,
    /// Such an annotation removed.
    AnnotationRemoved "annotation_removed" Annotating,
    /// An annotation that looks like content, or covers or hides some (evil annotation).
    ContentLikeAnnotation "content_like_annotation" Impossible,
    /// A signature field whose appearance is made to look like content (sneaky signature).
    MisleadingAppearance "misleading_appearance" Impossible,
    /// A field whose appearance does not show its value.
    ShownIsNotStored "shown_is_not_stored" Impossible,
    /// A form field that is no signature field was added.
    FieldAdded "field_added" Impossible,
    /// A form field was removed.
    FieldRemoved "field_removed" Impossible,
    /// A field moved, resized, turned visible or hidden, or changed in another way than by filling it.
    FieldChanged "field_changed" Impossible,
    /// A signature was removed or another put in its place.
    SignatureReplaced "signature_replaced" Impossible,
    /// An entry of the signature dictionary is not what was signed.
    SignatureDictionary "signature_dictionary" Impossible,
    /// An entry of the form dictionary: `NeedAppearances`, calculation order, existing resources.
    FormEntry "form_entry" Impossible,
    /// XFA added or changed.
    Xfa "xfa" Impossible,
    /// A page added.
    PageAdded "page_added" Impossible,
    /// A page removed.
    PageRemoved "page_removed" Impossible,
    /// What a page draws.
    PageContent "page_content" Impossible,
    /// Fonts, images, form XObjects and other resources of a page.
    PageResources "page_resources" Impossible,
    /// Boxes, rotation, user unit.
    PageGeometry "page_geometry" Impossible,
    /// Any other entry of a page.
    PageEntry "page_entry" Impossible,
    /// Actions and JavaScript.
    Action "action" Impossible,
    /// Layers.
    OptionalContent "optional_content" Impossible,
    /// Name trees, attachments among them.
    NameTree "name_tree" Impossible,
    /// `Perms`, `Legal`, or a later signature that allows more than an earlier one.
    Permissions "permissions" Impossible,
    /// Title, authors, keywords and whatever else of `Info` or `Metadata` is no date and no tool.
    DocumentInformation "document_information" Impossible,
    /// Any other entry of the catalogue.
    CatalogueEntry "catalogue_entry" Impossible,
    /// `Encrypt` added, removed or changed.
    Encryption "encryption" Impossible,
    /// Another reader, by repairing the file, shows something that the signed revision does not have.
    ReadersDisagree "readers_disagree" Impossible,
    /// A change of no known kind, or one that could not be judged within the limits.
    Unknown "unknown" Impossible,
}
