//! Active currency codes of ISO 4217 (list one). Funds, metals, test and "no currency" codes are not money and are left out.

/// Whether the text is an active code: three capital letters, on the list.
pub fn is_currency(code: &str) -> bool {
    code.len() == 3 && CODES.split_ascii_whitespace().any(|active| active == code)
}

/// Digits behind the point of the currency's minor unit (ISO 4217).
pub fn minor_digits(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

const CODES: &str = "VND USD EUR \
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY \
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS \
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR \
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX UYU UZS VED \
    VES VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_are_those_of_the_list() {
        assert_eq!(["VND", "USD", "KWD"].map(minor_digits), [0, 2, 3]);
    }

    #[test]
    fn only_active_codes_of_money() {
        for code in ["VND", "USD", "EUR", "JPY", "KHR"] {
            assert!(is_currency(code), "{code}");
        }
        for code in ["", "vnd", "VN", "VNDD", "XXX", "XTS", "XAU", "DEM", "V D", "USD EUR"] {
            assert!(!is_currency(code), "{code}");
        }
    }
}
