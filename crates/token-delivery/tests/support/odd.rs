//! A server that answers oddly, and keeps what it heard.

use std::sync::{Arc, Mutex};

use crate::wire::{BODY_END, LINE_END, hear, honest, listen, say};

/// What servers heard, line by line, over all connections.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

/// A server that says what `answer` says to a command, and what an honest one says where that is `None`. It
/// is asked with `connect` for the greeting and with `message` for a whole message. Also returns what is heard.
pub(crate) async fn odd(
    answer: impl Fn(&str) -> Option<&'static [u8]> + Send + Sync + 'static,
) -> (u16, Heard) {
    let (answer, heard) = (Arc::new(answer), Heard::default());
    let all = Arc::clone(&heard);
    let port = listen(move |_, mut stream| {
        let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
        async move {
            let greeting = answer("connect").unwrap_or(b"220 test\r\n");
            say(&mut stream, greeting).await;
            while let Some(line) = hear(&mut stream, LINE_END).await {
                let line = line.trim_end().to_owned();
                all.lock().expect("no test panics here").push(line.clone());
                let reply = answer(&line).unwrap_or_else(|| honest(&line).as_bytes());
                say(&mut stream, reply).await;
                if reply.starts_with(b"354") {
                    hear(&mut stream, BODY_END).await;
                    let reply = answer("message").unwrap_or(b"250 taken\r\n");
                    say(&mut stream, reply).await;
                }
            }
        }
    });
    (port.await, heard)
}
