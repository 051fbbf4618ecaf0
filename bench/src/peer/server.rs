//! Listens and serves every connection in a task of its own.

use amqp_bench::Outcome;
use amqp_endpoint::{Connection, Container};
use tokio::sync::mpsc;

use super::runtime::Runtime;
use super::say;

enum News {
    Opened,
    Over(Outcome<()>),
}

/// Serves connections until none is left and `enough` says that no more are to come.
pub(crate) async fn serve<R: Runtime, F: Future<Output = Outcome<()>> + Send + 'static>(
    runtime: R,
    port: u16,
    serve_one: impl Fn(Connection) -> F + Send + Sync + 'static,
    enough: impl Fn() -> bool,
) -> Outcome<()> {
    let listener = runtime.listen(port)?;
    say("listening")?;
    let (tell, mut news) = mpsc::unbounded_channel();
    let accepting = runtime.clone();
    runtime.start(async move {
        let failed = accept_all(&accepting, &listener, &tell, serve_one).await;
        _ = tell.send(News::Over(failed));
    });
    let mut open = 0_u32;
    while let Some(what) = news.recv().await {
        match what {
            News::Opened => open = open.saturating_add(1),
            News::Over(how) => {
                how?;
                open = open.saturating_sub(1);
            }
        }
        if open == 0 && enough() {
            break;
        }
    }
    Ok(())
}

/// Goes on for ever, unless something fails. Nobody hears the news where the program is over.
async fn accept_all<R: Runtime, F: Future<Output = Outcome<()>> + Send + 'static>(
    runtime: &R,
    listener: &R::Listener,
    tell: &mpsc::UnboundedSender<News>,
    serve_one: impl Fn(Connection) -> F + Send + Sync + 'static,
) -> Outcome<()> {
    let container = Container::new("bench-server");
    loop {
        let served = serve_one(runtime.accept(&container, listener).await?);
        _ = tell.send(News::Opened);
        let tell = tell.clone();
        runtime.start(async move {
            _ = tell.send(News::Over(served.await));
        });
    }
}
