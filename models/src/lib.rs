//! Models of the PostgreSQL store's statements: [`slot`], those on the tokens of one slot; [`charged`], a guess with its
//! limits. Both are written by hand beside the SQL and run none of it.
//!
//! A verb is not one step here but the steps of its statement under READ COMMITTED: it takes a
//! snapshot, waits for the row's lock, looks again at what the row has become (the slot's row it sees
//! as in its snapshot), writes, and commits; at each of these points its process may be killed. A
//! checker walks through every order of these steps. SQLite, Redis and the memory store run verbs one
//! after another, so what they do is among those orders.
//!
//! Each rule that the statements depend on can be taken away, and then the checker must find what the rule prevents.
//!
//! Specification: PostgreSQL manual, 13.2.1, "Read Committed Isolation Level".

pub mod charged;
pub mod slot;
