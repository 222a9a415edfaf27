//! Registration, sign-in, second factor, reset, notices, devices and access tokens, over one database.
//!
//! A program to change: take out what you do not need, and put in your pages.

#![allow(
    missing_debug_implementations,
    reason = "a project that is made of this has no such lint"
)]

mod account;
mod accounts;
mod app;
mod database;
mod factors;
mod guard;
mod mail;
mod not_me;
mod password;
mod register;
mod reset;
mod second_step;
mod sign_in;
mod web;

pub use app::{App, Fault, Settings};
pub use mail::Console;
pub use not_me::begin_anew;
pub use web::router;
