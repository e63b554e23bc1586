//! One payment in every form: the JSON order, the three ISO 20022 messages and the bytes of a switch that say the same.

use serde_json::{Value, json};

/// What all of them say.
pub fn order() -> Value {
    json!({
        "id": "INV-2026-0001", "payer": "CCCD:001190012345", "payee": "account:970436:0123456789", "amount": 150_000,
        "currency": "VND", "created": "2026-11-22T09:59:30+07:00", "expires": "2026-11-22T23:59:59+07:00",
        "reference": "Lệ phí hộ tịch"
    })
}

const PARTY: &str = "<Dbtr><Nm>Nguyễn Thị Ưởng</Nm><Id><PrvtId><Othr><Id>001190012345</Id><SchmeNm><Cd>NIDN</Cd></SchmeNm></Othr></PrvtId></Id></Dbtr>";
const CREDITOR: &str = "<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>970436</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt><Cdtr><Nm>Sở Tài chính Hà Nội</Nm></Cdtr><CdtrAcct><Id><Othr><Id>0123456789</Id></Othr></Id></CdtrAcct><RmtInf><Ustrd>Lệ phí hộ tịch</Ustrd></RmtInf>";
const HEADER: &str = "<MsgId>M-1</MsgId><CreDtTm>2026-11-22T09:59:30+07:00</CreDtTm><NbOfTxs>1</NbOfTxs>";

/// A customer's credit transfer.
pub fn pain_001() -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\"><CstmrCdtTrfInitn><GrpHdr>{HEADER}<CtrlSum>150000</CtrlSum></GrpHdr>\
         <PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-11-22</Dt></ReqdExctnDt>{PARTY}\
         <CdtTrfTxInf><PmtId><EndToEndId>INV-2026-0001</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"VND\">150000</InstdAmt></Amt>{CREDITOR}\
         </CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>"
    )
}

/// A creditor's request, as the debtor approves it.
pub fn pain_013() -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.013.001.10\"><CdtrPmtActvtnReq><GrpHdr>{HEADER}</GrpHdr><PmtInf><PmtMtd>TRF</PmtMtd>\
         <ReqdExctnDt><Dt>2026-11-25</Dt></ReqdExctnDt><XpryDt><DtTm>2026-11-22T23:59:59+07:00</DtTm></XpryDt>{PARTY}\
         <CdtTrfTx><PmtId><EndToEndId>INV-2026-0001</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"VND\">150000.00</InstdAmt></Amt>{CREDITOR}\
         </CdtTrfTx></PmtInf></CdtrPmtActvtnReq></Document>"
    )
}

/// The same between institutions.
pub fn pacs_008() -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"><FIToFICstmrCdtTrf><GrpHdr>{HEADER}</GrpHdr><CdtTrfTxInf>\
         <PmtId><EndToEndId>INV-2026-0001</EndToEndId><TxId>T-1</TxId></PmtId><IntrBkSttlmAmt Ccy=\"VND\">150000</IntrBkSttlmAmt>\
         <IntrBkSttlmDt>2026-11-22</IntrBkSttlmDt><InstdAmt Ccy=\"VND\">150000</InstdAmt>{PARTY}{CREDITOR}</CdtTrfTxInf></FIToFICstmrCdtTrf></Document>"
    )
}

/// What a switch signs, and its layout.
pub const RAW: &str = "INV-2026-0001|001190012345|0123456789|150000|20261122095930|20261122235959|Lệ phí hộ tịch";

pub const LAYOUT: &str = r#"
    name = "switch"
    separator = "|"
    currency = "VND"
    fields = [
        { member = "id" }, { member = "payer", prefix = "CCCD:" }, { member = "payee", prefix = "account:970436:" },
        { member = "amount" }, { member = "created", form = "compact" }, { member = "expires", form = "compact" },
        { member = "reference" },
    ]"#;
