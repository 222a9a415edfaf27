// The token stands in the link's fragment, which no browser sends. It goes into the form's field,
// out of the address bar, and to the server when a person sends the form.
"use strict";
const field = document.getElementById("link");
const token = location.hash.slice(1);
if (field && token) {
  field.value = token;
  history.replaceState(null, "", location.pathname);
}
