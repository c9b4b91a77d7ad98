// Viewer-response functions (CloudFront Functions, runtime 2.0). They mark responses from the replica bucket in the
// access log, and make private images uncacheable for shared caches: only the edge checks a token before it serves from
// its cache. They do not run for responses of 400 and above.
// inline.py replaces EDGE_SETTINGS with the settings and removes comment lines before deployment.

import cf from 'cloudfront';

const settings = EDGE_SETTINGS;

function handler(event) {
    const response = event.response;
    // S3 sends this header with replicated objects. The access log does not name the origin of a group that was used.
    const copy = response.headers['x-amz-replication-status'];
    if (copy && copy.value === 'REPLICA' && cf.logCustomData) {
        cf.logCustomData('replica');
    }
    if (settings.privateSeconds !== undefined) {
        response.headers['cache-control'] = { value: 'private, max-age=' + settings.privateSeconds };
    }
    return response;
}
