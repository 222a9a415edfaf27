//! Where tokens, factors and limits live: the contracts, an in-memory store, and the laws every store keeps.
