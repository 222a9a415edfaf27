//! Second factors: the engine an application holds, and the providers behind it.
