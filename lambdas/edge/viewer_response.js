// Viewer-response functions (CloudFront Functions, runtime 2.0): note in the access log which answers the replica bucket
// gave, and of private images say what the edge may keep, since it checks a token before it answers from its cache, and
// no other shared cache may. They do not run on an answer of 400 or more.
// inline.py puts the settings in place of EDGE_SETTINGS and drops lines of comment from what is deployed.

import cf from 'cloudfront';

const settings = EDGE_SETTINGS;

function handler(event) {
    const response = event.response;
    // S3 says it of every copy that replication made; the log says nowhere which origin of a group was asked.
    const copy = response.headers['x-amz-replication-status'];
    if (copy && copy.value === 'REPLICA' && cf.logCustomData) {
        cf.logCustomData('replica');
    }
    if (settings.privateSeconds !== undefined) {
        response.headers['cache-control'] = { value: 'private, max-age=' + settings.privateSeconds };
    }
    return response;
}
