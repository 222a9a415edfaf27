//! Many ids in one place of a statement: a JSON array, which both databases take apart.

use crate::database::Pool;

/// The ids as the text of a JSON array.
pub(crate) fn text(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", ids.join(","))
}

impl Pool {
    /// A table expression with the ids of place `$3`, as `value`, and where each stands, as `at`.
    pub(crate) const fn ids(&self) -> &'static str {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                "(SELECT listed.value::bigint AS value, min(ordinality) - 1 AS at
                  FROM jsonb_array_elements_text($3::jsonb) WITH ORDINALITY AS listed (value, ordinality)
                  GROUP BY 1) AS ids"
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(..) => {
                "(SELECT value, min(key) AS at FROM json_each($3) GROUP BY value) AS ids"
            }
        }
    }
}
