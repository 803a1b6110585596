//! One connection for one purpose: a start, or a look from beside the servers.

use std::time::Duration;

use tokio_postgres::Client;

use super::{Address, error::StartError, pooler, tls, way::Way};

/// How long all hosts together may take to be connected to.
const CONNECT: Duration = Duration::from_secs(15);

/// Does something over a connection of its own, on a thread of its own: the caller may be within a runtime, or have none.
pub(super) fn alone<T: Send>(
    address: &Address,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, StartError> + Send,
) -> Result<T, StartError> {
    let failed = |why: String| StartError::Other { at: address.to_string(), why };
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        runtime.block_on(async {
            let mut client = connect(address).await?;
            pooler::look(&client, address).await?;
            work(&mut client).await
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|_| Err(failed("a mistake of ours".to_owned())))
}

/// A connection to the primary.
pub(super) async fn connect(address: &Address) -> Result<Client, StartError> {
    let way = Way::new(&address.config, tls::connector(&address.tls)?);
    let connected = tokio::time::timeout(CONNECT, way.connect()).await;
    // What drives it ends with the client.
    let (client, _) = connected
        .map_err(|_| StartError::Unreachable { at: address.to_string(), why: "no answer in time".to_owned() })?
        .map_err(|error| StartError::of(address, &error))?;
    Ok(client)
}
