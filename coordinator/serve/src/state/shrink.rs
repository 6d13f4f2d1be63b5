//! Giving back the room of removed sweeps: redb uses it again, but a file only gets smaller when its last pages are moved
//! into it, which nobody may watch.

use redb::Database;

use super::tables::{META, SPACIOUS_KEY};
use super::writer::{WriteError, durably};

/// Makes the file as small as it can be. After an error the database has to be opened again.
pub(super) fn shrink(database: &mut Database) -> Result<(), WriteError> {
    database.compact()?;
    durably(database, |transaction| {
        transaction.open_table(META)?.remove(SPACIOUS_KEY)?;
        Ok(())
    })
}
