// Loads a GGUF model with llama.cpp and prints eight tokens, each the likeliest one.
import {pathToFileURL} from "node:url";

const [modules, model] = process.argv.slice(2);
const {getLlama} = await import(pathToFileURL(`${modules}/node-llama-cpp/dist/index.js`));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const loaded = await llama.loadModel({modelPath: model, gpuLayers: 0});
const context = await loaded.createContext({contextSize: 64});
const sequence = context.getSequence();
const tokens = [];
for await (const token of sequence.evaluate([1, 40, 50, 60], {temperature: 0, yieldEogToken: true})) {
    tokens.push(token);
    if (tokens.length === 8) break;
}
console.log(JSON.stringify(tokens));
process.exit(0);
