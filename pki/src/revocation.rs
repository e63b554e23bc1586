//! (The lead writes this file on main; see AAA_NOTICE_FROM_THE_LEAD.md. Do not write it here.)
