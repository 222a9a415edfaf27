// What a person does with the clients of npm's passwords-client: opens a session with each kind of token, and says
// how that went, as one JSON object on standard output. WHERE names server, users and files.
import { readFileSync } from 'node:fs';
import EventEmitter from 'eventemitter3';
import PasswordsClient from 'passwords-client';
import { SimpleApi } from 'passwords-client/legacy';

const where = JSON.parse(process.env.WHERE);
const said = {};

const sent = channel => {
    const lines = readFileSync(where.outbox, 'utf8').trim().split('\n').map(line => JSON.parse(line));
    return lines.filter(line => line.channel === channel).pop().token;
};

async function fresh(user) {
    const client = new PasswordsClient({ baseUrl: `${where.url}/`, user, token: `${user}-token-1` });
    const authorization = client.getSessionAuthorization();
    await authorization.load();
    return { client, authorization };
}

const named = (authorization, id) => authorization.getTokens().find(token => token.getId() === id);

async function told(name, what) {
    try {
        said[name] = await what();
    } catch(error) {
        said[name] = { error: error.name ?? String(error), status: error.response?.status ?? null };
    }
}

// Opens, and reads the keychain, which only the right one of the server's answers decrypts.
async function open({ client, authorization }, token) {
    await authorization.authorize(where.password, token);
    const keychain = client.getCseV1Encryption()._keychain;
    await keychain.ready();
    return { authorised: client.isAuthorized(), key: Buffer.from(keychain.getCurrentKey()).toString('hex') };
}

async function approve(user) {
    const path = '/ocs/v2.php/apps/twofactor_nextcloud_notification/api/v1/attempt/';
    const authorization = `Basic ${Buffer.from(`${user}:a password of hers`).toString('base64')}`;
    const answer = await fetch(where.url + path + sent('push'), { method: 'POST', headers: { authorization } });
    return answer.status;
}

async function main() {
    await told('tokens', async () => {
        const { authorization } = await fresh('totp');
        const fields = token => [token.getType(), token.getId(), token.requiresRequest()];
        return authorization.getTokens().map(fields);
    });
    await told('totp', async () => {
        const one = await fresh('totp');
        const token = named(one.authorization, 'totp').setToken(where.totp);
        const opened = await open(one, token);
        const again = await one.client.getRequest().setPath('1.0/session/keepalive').send();
        const closed = await one.client.getRequest().setPath('1.0/session/close').send();
        return { ...opened, again: again.getData(), closed: closed.getData() };
    });
    await told('closed', async () => {
        const { client } = await fresh('totp');
        return (await client.getRequest().setPath('1.0/keychain/get').send()).getData();
    });
    await told('email', async () => {
        const one = await fresh('email');
        const token = named(one.authorization, 'email');
        if(!await token.sendRequest()) throw new Error('not sent');
        return open(one, token.setToken(sent('email')));
    });
    await told('backup', async () => {
        const one = await fresh('backup');
        return open(one, named(one.authorization, 'backup_codes').setToken('Backup0000000001'));
    });
    await told('wrong', async () => {
        const one = await fresh('wrong');
        return open(one, named(one.authorization, 'totp').setToken('000000'));
    });

    // The client keeps the whole answer as the token, and posts an object. So the token is set by hand after that.
    await told('notification', async () => {
        const one = await fresh('notification');
        const token = named(one.authorization, 'twofactor_nextcloud_notification');
        if(!await token.sendRequest()) throw new Error('not sent');
        let status;
        try {
            await one.authorization.authorize(where.password, token);
        } catch(error) {
            status = error.response?.status ?? error.status ?? error.name;
        }
        const approved = await approve('notification');
        token._token = token._token.getData().data.token;
        return { ...await open(one, token), object: status, approved };
    });
    await told('legacy', async () => {
        const client = new PasswordsClient({ baseUrl: `${where.url}/`, user: 'legacy', token: 'legacy-token-1' });
        const api = new SimpleApi();
        api.initialize({ apiUrl: `${where.url}/index.php/apps/passwords/`, events: new EventEmitter() }, client);
        const needed = await api.requestSession();
        const asked = await api.requestToken('twofactor_nextcloud_notification');
        const approved = await approve('legacy');
        const challenge = client.getClass('challenge.pwdv1', needed.challenge).setPassword(where.password).solve();
        const token = { twofactor_nextcloud_notification: asked.data.token };
        const opened = await api.openSession({ challenge, token });
        const closed = await api.closeSession();
        return { asked: asked.success, length: asked.data.token.length, approved, opened: opened.success, closed };
    });
    console.log(JSON.stringify(said));
}

main();
