//! Object stores by URL: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.
//! Endpoint and credentials come from the environment variables of each provider's own tools.

use std::sync::Arc;

use crate::audit::Place;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::escape;

/// Opens the store of a URL, split at `://`.
pub fn place(scheme: &str, rest: &str) -> Result<Arc<dyn Place>, CliError> {
    let shown = escape(&format!("{scheme}://{rest}"));
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if !["s3", "gs", "az"].contains(&scheme) {
        return Err(CliError::new(
            Exit::Usage,
            format!("{shown}: audit does not read {}://", escape(scheme)),
        )
        .hint("s3://, gs://, az://, file:// and paths are read"));
    }
    if bucket.is_empty() || prefix.starts_with('/') {
        return Err(CliError::new(
            Exit::Usage,
            format!("{shown} names no bucket or no objects in it"),
        )
        .hint(format!(
            "write {scheme}://BUCKET or {scheme}://BUCKET/PREFIX"
        )));
    }
    open(scheme, bucket, prefix, &shown)
}

#[cfg(not(feature = "object-store"))]
fn open(_: &str, _: &str, _: &str, shown: &str) -> Result<Arc<dyn Place>, CliError> {
    Err(CliError::new(Exit::Usage, format!("{shown}: this pgseal was built without object stores"))
        .hint("building pgseal with `--features object-store` puts them in; or copy the objects here, and audit the directory"))
}

#[cfg(feature = "object-store")]
fn open(scheme: &str, bucket: &str, prefix: &str, shown: &str) -> Result<Arc<dyn Place>, CliError> {
    use crate::audit::place::objects::Objects;

    let refused = |exit, error: &dyn std::fmt::Display| {
        CliError::new(
            exit,
            format!("{shown} can't be listed: {}", escape(&error.to_string())),
        )
        .hint(hint(scheme))
    };
    let store = client(scheme, bucket).map_err(|error| refused(Exit::Usage, &error))?;
    let objects = Objects::reach(store, &format!("{scheme}://{bucket}"), prefix);
    Ok(Arc::new(
        objects.map_err(|error| refused(Exit::Internal, &error))?,
    ))
}

#[cfg(feature = "object-store")]
fn hint(scheme: &str) -> &'static str {
    match scheme {
        "s3" => {
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL say who asks, and where"
        }
        "gs" => "GOOGLE_SERVICE_ACCOUNT names a file with a service account's key",
        _ => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY say where, and who asks",
    }
}

#[cfg(feature = "object-store")]
use crate::audit::place::objects::Store;

/// Creates the client of a store. It reads the environment, and queries the cloud's metadata
/// service if that has no credentials.
#[cfg(feature = "object-store")]
fn client(scheme: &str, bucket: &str) -> Result<Arc<dyn Store>, object_store::Error> {
    use object_store::{BackoffConfig, RetryConfig};
    use std::time::Duration;

    // Fails if a provider is already installed: then it is ours, from another store.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let second = Duration::from_secs(1);
    let backoff = BackoffConfig {
        init_backoff: second / 10,
        max_backoff: second * 5,
        base: 2.0,
    };
    // Retries for at most 30 seconds; after that the store, or this object, counts as unreachable.
    let retry = RetryConfig {
        backoff,
        max_retries: 5,
        retry_timeout: second * 30,
    };
    Ok(match scheme {
        "s3" => {
            let builder = object_store::aws::AmazonS3Builder::from_env();
            Arc::new(builder.with_bucket_name(bucket).with_retry(retry).build()?)
        }
        "gs" => {
            let builder = object_store::gcp::GoogleCloudStorageBuilder::from_env();
            Arc::new(builder.with_bucket_name(bucket).with_retry(retry).build()?)
        }
        _ => {
            let builder = object_store::azure::MicrosoftAzureBuilder::from_env();
            Arc::new(
                builder
                    .with_container_name(bucket)
                    .with_retry(retry)
                    .build()?,
            )
        }
    })
}
