//! The texts of the statements.
//!
//! In braces stand the tables' names (`{tokens}`) and what is added in an open transaction (`{fresh}`,
//! `{alone}`, `{all_alone}`). Every value is an argument.

pub(super) mod charged;
pub(super) mod factors;
pub(super) mod insert;
pub(super) mod limits;
pub(super) mod open;
pub(super) mod purge;
pub(super) mod queue;
pub(super) mod tokens;
