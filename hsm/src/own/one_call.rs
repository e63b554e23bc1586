//! C_Sign alone, for keys that ask for the PIN between C_SignInit and C_Sign (CKA_ALWAYS_AUTHENTICATE, PKCS#11 v3.1 §4.9): the wrapper
//! makes both calls in one. Takes the function from the module that is loaded already.

use super::message::Refusal;
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};
use std::path::Path;

/// C_Sign as the module offers it.
// SAFETY: a type alone calls nothing; whoever calls it keeps the rules of PKCS#11.
type Sign = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_BYTE, CK_ULONG, *mut CK_BYTE, *mut CK_ULONG) -> CK_RV;

/// The module's C_Sign.
pub(super) struct OneCall {
    sign: Sign,
    /// Keeps the library in memory as long as its function may be called.
    _module: cryptoki_sys::Pkcs11,
}

impl OneCall {
    /// Of a module that is loaded and initialised: the loader gives the same library again.
    #[allow(unsafe_code)]
    pub(super) fn of(path: &Path) -> Result<Self, Refusal> {
        let failed = |reason: String| Refusal::Module(reason);
        // SAFETY: the file is the PKCS#11 module that this process has loaded and runs already.
        let module = unsafe { cryptoki_sys::Pkcs11::new(path) }.map_err(|error| failed(error.to_string()))?;
        let mut list = std::ptr::null_mut();
        // SAFETY: the pointer is valid for writing one pointer, as C_GetFunctionList asks.
        let code = unsafe { module.C_GetFunctionList(&raw mut list) };
        // SAFETY: a module that answers CKR_OK has given its list, which lives as long as the module.
        let list = unsafe { list.as_ref() }.filter(|_| code == OK);
        let sign = list.and_then(|list| list.C_Sign).ok_or_else(|| failed("it has no C_Sign".to_owned()))?;
        Ok(Self { sign, _module: module })
    }

    /// The signature of a session in which C_SignInit has succeeded. One call with room for every signature: asking for the length first
    /// would be a second use of the PIN for some tokens.
    #[allow(unsafe_code)]
    pub(super) fn sign(&self, session: &Session, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (mut input, mut signature) = (input.to_vec(), vec![0_u8; LONGEST]);
        let mut length: CK_ULONG = LONGEST as CK_ULONG;
        // SAFETY: both buffers are valid for the lengths that are given, and the session is open.
        let code = unsafe {
            (self.sign)(
                session.handle(),
                input.as_mut_ptr(),
                input.len() as CK_ULONG,
                signature.as_mut_ptr(),
                &raw mut length,
            )
        };
        if code != OK {
            return Err(Refusal::Code { function: "C_Sign".to_owned(), code: format!("{code:#x}") });
        }
        signature.truncate(usize::try_from(length).unwrap_or(0).min(LONGEST));
        Ok(signature)
    }
}

const OK: CK_RV = 0;
/// Bytes of a signature: RSA-4096 has 512.
const LONGEST: usize = 1_024;
