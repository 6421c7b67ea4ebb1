//! Who asks, for the layers around a handler, which see the answer and not what the handler read.

use std::sync::{Arc, OnceLock};

use crate::policy::{Actor, Caller};

/// A place in a request where the actor is put once it is known.
#[derive(Debug, Clone, Default)]
pub struct AskedBy(Arc<OnceLock<Actor>>);

impl AskedBy {
    /// Says who asks.
    pub fn set(&self, actor: &Actor) {
        // A handler has one actor: set a second time, it would be the same.
        let _ = self.0.set(actor.clone());
    }

    /// Who asks, where the request got so far.
    pub fn get(&self) -> Option<&Actor> {
        self.0.get()
    }
}

/// Who asks for something that is done together with what others ask for: how they stand is read for all of them.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who it is, as far as that is known.
    pub caller: Caller,
    /// Where it is noted once it is known.
    pub asked_by: AskedBy,
}
