// Viewer-response function (CloudFront Functions, runtime 2.0) of private images: what the edge may keep, since it
// checks a token before it answers from its cache, no other shared cache may. Does not run on an answer of 400 or more.
// inline.py puts the settings in place of EDGE_SETTINGS and drops lines of comment from what is deployed.

const settings = EDGE_SETTINGS;

function handler(event) {
    const response = event.response;
    response.headers['cache-control'] = { value: 'private, max-age=' + settings.privateSeconds };
    return response;
}
