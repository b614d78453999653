//! What customers read about their own data.

use std::sync::LazyLock;

use storeward_base::{Language, Words, text_keys};
use storeward_policy::Purpose;

use crate::catalogue::{Class, Field};
use crate::pleas::Right;

text_keys! {
    /// What the page says.
    pub enum Text {
        Nav = "own.nav" {},
        Title = "own.title" { shop },
        Lead = "own.lead" { shop },
        None = "own.none" {},
        Several = "own.several" { shop },
        Unconfirmed = "own.unconfirmed" {},
        CopyTitle = "own.copy_title" {},
        CopyJson = "own.copy_json" {},
        CopyCsv = "own.copy_csv" {},
        UseTitle = "own.use_title" {},
        UseAllowed = "own.use_allowed" {},
        UseRestricted = "own.use_restricted" {},
        Restrict = "own.restrict" {},
        Allow = "own.allow" {},
        EraseTitle = "own.erase_title" {},
        EraseLead = "own.erase_lead" { shop },
        EraseSure = "own.erase_sure" {},
        Erase = "own.erase" {},
        Erased = "own.erased" {},
        Unsure = "own.unsure" {},
        SeenTitle = "own.seen_title" {},
        SeenNone = "own.seen_none" {},
        SeenLine = "own.seen_line" { when, purpose },
        RefusedLine = "own.refused_line" { when, purpose },
        Correct = "own.correct" {},
        CorrectNew = "own.correct_new" { field },
        CorrectHint = "own.correct_hint" {},
        Save = "own.save" {},
        Corrected = "own.corrected" {},
        NotCorrected = "own.not_corrected" { field },
        SaidTitle = "own.said_title" {},
        SaidLead = "own.said_lead" {},
        SaidNone = "own.said_none" {},
        SaidAgree = "own.said_agree" { when, purpose },
        SaidWithdraw = "own.said_withdraw" { when, purpose },
        SaidObject = "own.said_object" { when, purpose },
        Withdraw = "own.withdraw" {},
        Object = "own.object" {},
        SaidDone = "own.said_done" {},
        PleaTitle = "own.plea_title" {},
        PleaLead = "own.plea_lead" { shop },
        PleaKind = "own.plea_kind" {},
        PleaWords = "own.plea_text" {},
        PleaSend = "own.plea_send" {},
        PleaDone = "own.plea_done" {},
        PleaFull = "own.plea_full" {},
        PleaWaiting = "own.plea_waiting" { right, when },
        PleaAnswered = "own.plea_answered" { right, when },
        PleaRefused = "own.plea_refused" { right, when },
        RightAccess = "right.access" {},
        RightCorrection = "right.correction" {},
        RightErasure = "right.erasure" {},
        RightRestriction = "right.restriction" {},
        RightObjection = "right.objection" {},
        RightPortability = "right.portability" {},
        ClassContact = "class.contact" {},
        ClassAddress = "class.address" {},
        ClassOrder = "class.order" {},
        ClassNote = "class.note" {},
        ClassIdentityDocument = "class.identity_document" {},
        ClassConsent = "class.consent" {},
        ClassPayment = "class.payment" {},
        FieldName = "field.name" {},
        FieldEmail = "field.email" {},
        FieldPhone = "field.phone" {},
        FieldCompany = "field.company" {},
        FieldBirthday = "field.birthday" {},
        FieldLanguage = "field.language" {},
        FieldShopId = "field.shop_id" {},
        FieldStreet = "field.street" {},
        FieldStreet2 = "field.street_2" {},
        FieldPostcode = "field.postcode" {},
        FieldCity = "field.city" {},
        FieldRegion = "field.region" {},
        FieldCountry = "field.country" {},
        FieldNumber = "field.number" {},
        FieldPlacedAt = "field.placed_at" {},
        FieldStatus = "field.status" {},
        FieldTotal = "field.total" {},
        FieldCurrency = "field.currency" {},
        FieldItems = "field.items" {},
        FieldShipping = "field.shipping" {},
        FieldRemark = "field.remark" {},
        FieldKind = "field.kind" {},
        FieldExpires = "field.expires" {},
        FieldPurpose = "field.purpose" {},
        FieldGivenAt = "field.given_at" {},
        FieldWithdrawnAt = "field.withdrawn_at" {},
        FieldObjectedAt = "field.objected_at" {},
        FieldWording = "field.wording" {},
        FieldProvider = "field.provider" {},
        FieldToken = "field.token" {},
        FieldBrand = "field.brand" {},
        FieldLast4 = "field.last_4" {},
        PurposeSupport = "purpose.support" {},
        PurposeShipping = "purpose.shipping" {},
        PurposeInvoicing = "purpose.invoicing" {},
        PurposeDispute = "purpose.dispute" {},
        PurposeRightsRequest = "purpose.rights_request" {},
        PurposeLegalClaim = "purpose.legal_claim" {},
        PurposeMarketing = "purpose.marketing" {},
        PurposeOwnData = "purpose.own_data" {},
    }
}

pub static WORDS: LazyLock<Words<Text>> = LazyLock::new(|| {
    Words::load([
        (Language::En, include_str!("../../texts/en.txt")),
        (Language::De, include_str!("../../texts/de.txt")),
        (Language::Fr, include_str!("../../texts/fr.txt")),
        (Language::Es, include_str!("../../texts/es.txt")),
    ])
    .expect("the texts are part of the program, and a test reads them")
});

pub const fn of_class(class: Class) -> Text {
    match class {
        Class::Contact => Text::ClassContact,
        Class::Address => Text::ClassAddress,
        Class::Order => Text::ClassOrder,
        Class::Note => Text::ClassNote,
        Class::IdentityDocument => Text::ClassIdentityDocument,
        Class::Consent => Text::ClassConsent,
        Class::Payment => Text::ClassPayment,
    }
}

pub const fn of_right(right: Right) -> Text {
    match right {
        Right::Access => Text::RightAccess,
        Right::Correction => Text::RightCorrection,
        Right::Erasure => Text::RightErasure,
        Right::Restriction => Text::RightRestriction,
        Right::Objection => Text::RightObjection,
        Right::Portability => Text::RightPortability,
    }
}

pub const fn of_purpose(purpose: Purpose) -> Text {
    match purpose {
        Purpose::Support => Text::PurposeSupport,
        Purpose::Shipping => Text::PurposeShipping,
        Purpose::Invoicing => Text::PurposeInvoicing,
        Purpose::Dispute => Text::PurposeDispute,
        Purpose::RightsRequest => Text::PurposeRightsRequest,
        Purpose::LegalClaim => Text::PurposeLegalClaim,
        Purpose::Marketing => Text::PurposeMarketing,
        Purpose::OwnData => Text::PurposeOwnData,
    }
}

/// Nothing for a field that has no name of its own in these languages; a test looks that each has.
pub fn of_field(field: &Field) -> Option<Text> {
    Some(match field.name {
        "name" => Text::FieldName,
        "email" => Text::FieldEmail,
        "phone" => Text::FieldPhone,
        "company" => Text::FieldCompany,
        "birthday" => Text::FieldBirthday,
        "language" => Text::FieldLanguage,
        "shop_id" => Text::FieldShopId,
        "street" => Text::FieldStreet,
        "street_2" => Text::FieldStreet2,
        "postcode" => Text::FieldPostcode,
        "city" => Text::FieldCity,
        "region" => Text::FieldRegion,
        "country" => Text::FieldCountry,
        "number" => Text::FieldNumber,
        "placed_at" => Text::FieldPlacedAt,
        "status" => Text::FieldStatus,
        "total" => Text::FieldTotal,
        "currency" => Text::FieldCurrency,
        "items" => Text::FieldItems,
        "shipping" => Text::FieldShipping,
        "text" => Text::FieldRemark,
        "kind" => Text::FieldKind,
        "expires" => Text::FieldExpires,
        "purpose" => Text::FieldPurpose,
        "given_at" => Text::FieldGivenAt,
        "withdrawn_at" => Text::FieldWithdrawnAt,
        "objected_at" => Text::FieldObjectedAt,
        "wording" => Text::FieldWording,
        "provider" => Text::FieldProvider,
        "token" => Text::FieldToken,
        "brand" => Text::FieldBrand,
        "last_4" => Text::FieldLast4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::FIELDS;

    #[test]
    fn every_language_has_a_name_for_every_field() {
        for field in FIELDS {
            let text = of_field(field).unwrap_or_else(|| panic!("{} has no name", field.full_name()));
            for language in [Language::En, Language::De, Language::Fr, Language::Es] {
                assert!(!WORDS.text(language, text, &[]).is_empty());
            }
        }
    }
}
