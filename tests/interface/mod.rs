//! What an integrator meets at the HTTP API: errors in one shape, a description that says all that may be answered, and vectors of others and
//! attacks that are known by name, each with its reason.

mod attacks;
mod conformance;
mod description;
mod errors;
mod vectors;
