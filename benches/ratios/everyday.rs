//! What people ask for every day, and how long they wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::support::{Client, Server};

/// Something that somebody asks for.
#[derive(Clone)]
pub(crate) enum Asked {
    /// What is at a path.
    Page(String),
    /// A vote on a post, other than the one before.
    Vote(String),
}

/// Somebody who asks for one thing after the other and then begins again, on a thread of their own: a crowd that this
/// program plays at the same time does not make them wait for their turn here.
pub(crate) struct Everyday {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Vec<f64>>>,
}

impl Everyday {
    pub(crate) fn start(server: &Server, asked: &[(&Client, Asked)]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        // With connections of its own: they belong to the runtime that made them.
        let asked: Vec<(Client, Asked)> =
            asked.iter().map(|(person, asked)| (person.at(server), asked.clone())).collect();
        let stopped = stop.clone();
        let ask = async move {
            let mut times = vec![Vec::new(); asked.len()];
            for round in 0_u64.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                for ((person, asked), times) in asked.iter().zip(&mut times) {
                    let started = Instant::now();
                    match asked {
                        Asked::Page(path) => person.get(path).await.is(200),
                        Asked::Vote(post) => {
                            let ballot =
                                json!({ "quality": if round % 2 == 0 { 1 } else { -1 }, "agreement": 0 });
                            let path = format!("/posts/{post}/vote");
                            person.try_send(Method::PUT, &path, Some(&ballot), &[]).await.unwrap().is(200)
                        }
                    };
                    times.push(started.elapsed().as_secs_f64() * 1e3);
                }
            }
            times
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { stop, asking: std::thread::spawn(move || runtime.block_on(ask)) }
    }

    /// How long each took, in milliseconds, in the order in which they were asked for.
    pub(crate) fn stop(self) -> Vec<Vec<f64>> {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}
