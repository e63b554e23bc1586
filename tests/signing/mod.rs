//! Signing documents: the whole road judged by foreign tools, what is refused, attacks with SQL, kills at every effect, the command line.

mod attacks;
mod command_line;
mod crashes;
mod large;
mod road;
mod service;
pub mod subscriber;
