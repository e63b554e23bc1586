//! The order of an ISO 20022 message: one payment, each element once, and nothing that two readers could read differently.

use crate::{
    forms::{accepted, judge, refused},
    messages,
    pki::World,
};
use chuky_model::payment::PaymentVerdict::Rejected;
use chuky_pki::jose::JwsAlgorithm;

#[test]
fn a_message_is_one_payment_and_says_it_once() {
    let world = World::new();
    let holder = world.citizen();
    let signed = |message: &str| world.sign(&holder, JwsAlgorithm::Es256, message.as_bytes()).into_bytes();
    let pain = messages::pain_001();
    let transaction = &pain[pain.find("<CdtTrfTxInf>").unwrap()..pain.find("</PmtInf>").unwrap()];
    let batch = &pain[pain.find("<PmtInf>").unwrap()..pain.find("</CstmrCdtTrfInitn>").unwrap()];
    let changed = |was: &str, is: &str| {
        assert!(pain.contains(was), "{was}");
        pain.replace(was, is)
    };
    for (message, code) in [
        (pain.replace(transaction, &format!("{transaction}{transaction}")), "several_transactions"),
        (pain.replace(batch, &format!("{batch}{batch}")), "several_transactions"),
        (changed("<NbOfTxs>1<", "<NbOfTxs>2<"), "several_transactions"),
        (changed("<CtrlSum>150000<", "<CtrlSum>150001<"), "amount_invalid"),
        (changed(">150000</InstdAmt>", ">150000.5</InstdAmt>"), "amount_invalid"),
        (changed(">150000</InstdAmt>", ">+150000</InstdAmt>"), "amount_invalid"),
        (changed(">150000</InstdAmt>", ">15e4</InstdAmt>"), "amount_invalid"),
        (changed(">150000</InstdAmt>", ">١٥٠٠٠٠</InstdAmt>"), "amount_invalid"),
        (changed(">150000</InstdAmt>", ">99999999999999999999999</InstdAmt>"), "amount_invalid"),
        (changed("150000", "0"), "amount_invalid"),
        (changed("Ccy=\"VND\"", "Ccy=\"XXX\""), "currency_invalid"),
        (changed("Ccy=\"VND\"", ""), "currency_invalid"),
        (
            changed("<InstdAmt Ccy=\"VND\">150000</InstdAmt>", "<EqvtAmt><Amt Ccy=\"VND\">150000</Amt></EqvtAmt>"),
            "amount_invalid",
        ),
        (changed("INV-2026-0001", "NOTPROVIDED"), "id_invalid"),
        (changed("INV-2026-0001", "INV 2026"), "id_invalid"),
        (changed("<EndToEndId>INV-2026-0001</EndToEndId>", ""), "order_malformed"),
        (changed("<EndToEndId>", "<EndToEndId>A</EndToEndId><EndToEndId>"), "order_malformed"),
        (changed("<EndToEndId>", "<EndToEndId xmlns=\"urn:x\">A</EndToEndId><EndToEndId>"), "order_malformed"),
        (changed("09:59:30+07:00", "09:59:30"), "time_invalid"),
        (changed("<Dt>2026-11-22</Dt>", "<Dt>22.11.2026</Dt>"), "time_invalid"),
        (changed("<Dt>2026-11-22</Dt>", "<Dt>2026-11-30</Dt>"), "window_too_long"),
        (changed("<Cd>NIDN</Cd>", "<Cd>TXID</Cd>"), "payer_mismatch"),
        (changed("<Id>001190012345</Id>", "<Id>001190012346</Id>"), "payer_mismatch"),
        (changed("<Othr><Id>001190012345</Id><SchmeNm><Cd>NIDN</Cd></SchmeNm></Othr>", ""), "party_invalid"),
        (changed("<MmbId>970436</MmbId>", ""), "party_invalid"),
        (changed("<CdtrAcct><Id><Othr><Id>0123456789</Id></Othr></Id></CdtrAcct>", ""), "party_invalid"),
        (changed("pain.001.001.09", "pain.001.001.9"), "message_not_supported"),
        (changed("pain.001", "camt.053"), "message_not_supported"),
        (changed("<CstmrCdtTrfInitn>", "<CstmrCdtTrfInitn>&x;"), "order_malformed"),
        ("<a/>".to_owned(), "message_not_supported"),
        ("<a".to_owned(), "order_malformed"),
    ] {
        let (answer, order) = judge(&world, &signed(&message));
        assert_eq!(
            (answer.verdict, answer.reasons.first().map(String::as_str)),
            (Rejected, Some(code)),
            "{message}: {:?}",
            answer.checks
        );
        assert_eq!(order, None);
    }
    let pacs = messages::pacs_008().replace("<InstdAmt Ccy=\"VND\">150000", "<InstdAmt Ccy=\"VND\">150001");
    refused(&world, &signed(&pacs), "amount_invalid");
    // Older versions write the date without a choice; an institution may be named by its BIC, and a party by its tax code.
    let old = changed("<ReqdExctnDt><Dt>2026-11-22</Dt></ReqdExctnDt>", "<ReqdExctnDt>2026-11-22</ReqdExctnDt>")
        .replace("001.09", "001.03");
    assert_eq!(accepted(&world, &signed(&old), "pain.001.001.03").order.expires, "2026-11-22T23:59:59+07:00");
    let iban = changed("<Othr><Id>0123456789</Id></Othr>", "<IBAN>VN00XYZ</IBAN>");
    assert_eq!(accepted(&world, &signed(&iban), "IBAN").order.payee, "iban:VN00XYZ");
    let tax = changed("<CdtrAcct><Id><Othr><Id>0123456789</Id></Othr></Id></CdtrAcct>", "").replace(
        "<Nm>Sở Tài chính Hà Nội</Nm>",
        "<Nm>Sở Tài chính Hà Nội</Nm><Id><OrgId><Othr><Id>0100000001</Id><SchmeNm><Cd>TXID</Cd></SchmeNm></Othr></OrgId></Id>",
    );
    assert_eq!(accepted(&world, &signed(&tax), "tax code").order.payee, "MST:0100000001");
}
