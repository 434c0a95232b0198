"""Repeats the training run of plain.yaml in PyTorch and double precision, knowing nothing of this program's code but
its definitions: where the losses of plain.json come from.

    python losses.py PEER [plain.yaml] > plain.json

PEER is the PyTorch statement of the network, torch_cgdm.py. Everything else is stated here again: the maps, the random
numbers (Philox4x32-10), split and order of the maps, initial weights, decimation, bicubic upsampling, normalisation,
noise, loss, clipping, Adam, learning rate, average. Needs torch, numpy, PyYAML.
"""
import importlib.util, json, math, sys
import numpy as np
import torch
import yaml

COUNT = 12  # maps
INITIALISATION, TIMESTEP, NOISE, SHUFFLE, SPLIT = 1, 3, 4, 5, 6  # what random numbers are for


def philox(seed, purpose, count, sample=0, step=0, layer=0):
    """`count` words of 32 bits: key = seed, counter = (block, purpose and layer, sample, step)."""
    mask = np.uint64(0xFFFFFFFF)
    blocks = (count + 3) // 4
    x = [np.arange(blocks, dtype=np.uint64)]
    x += [np.full(blocks, v, np.uint64) for v in (purpose << 24 | layer, sample, step)]
    k = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        p, q = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [(q >> np.uint64(32)) ^ x[1] ^ k[0], q & mask, (p >> np.uint64(32)) ^ x[3] ^ k[1], p & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask, (k[1] + np.uint64(0xBB67AE85)) & mask]
    return np.stack(x, 1).reshape(-1)[:count]


def uniform(words):
    return ((words >> np.uint64(8)).astype(np.float64) + 0.5) / 2**24


def gaussian(count, **key):
    """Box-Muller on pairs of words: the radius of the first's 24 bits, the angle of the second's 32."""
    words = philox(count=(count + 3) // 4 * 4, **key)
    radius = np.sqrt(-2 * np.log(uniform(words[0::2])))
    angle = 2 * np.pi * words[1::2].astype(np.float64) / 2**32
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count]


def integer(bound, **key):
    return int(philox(count=1, **key)[0]) * bound >> 32


def permutation(count, **key):
    order, draws = list(range(count)), philox(count=count, **key)
    for last in range(count - 1, 0, -1):
        other = int(draws[last]) * (last + 1) >> 32
        order[last], order[other] = order[other], order[last]
    return order


def formula_map(number, side):
    """FormulaMaps.map of the tests."""
    y, x = np.divmod(np.arange(side * side), side)
    squared = (x - number * 11 % 32.0) ** 2 + (y - number * 17 % 29.0) ** 2
    value = -65 - 35 * squared / (squared + 150)
    value -= np.where((x + 2 * y + 5 * number) % 40 < 14, 9.0, 0.0)
    value += (x * 3 + y * 5 + number * 7) % 16 / 8
    return (np.floor(value * 64) / 64).reshape(side, side)


def bicubic(count, m):
    """The matrix [count m, count] of Keys' cubic convolution (a = -1/2); sample i keeps its value at place m i, and the
    axis goes on linearly from the last two samples at either end."""
    def keys(d):
        d = abs(d)
        return (1.5 * d - 2.5) * d * d + 1 if d <= 1 else ((-0.5 * d + 2.5) * d - 4) * d + 2 if d < 2 else 0.0

    matrix = np.zeros((count * m, count))
    for place in range(count * m):
        for sample in range(place // m - 1, place // m + 3):
            weight = keys(place / m - sample)
            if sample < 0:
                matrix[place, 0] += weight * (1 - sample)
                matrix[place, 1] += weight * sample
            elif sample >= count:
                beyond = sample - count + 1
                matrix[place, -1] += weight * (1 + beyond)
                matrix[place, -2] -= weight * beyond
            else:
                matrix[place, sample] += weight
    return matrix


def initialise(net, seed):
    """PyTorch's default by our own random numbers, which are drawn in the order [rows, columns, inputs, outputs]."""
    fan_in, before = 1, ""
    with torch.no_grad():
        for layer, (name, p) in enumerate(net.named_parameters()):
            if p.dim() == 1 and name.endswith(".weight"):
                p.fill_(1)
            elif p.dim() == 1 and before == "norm":
                p.fill_(0)
            else:
                if p.dim() > 1:
                    fan_in = p[0].numel()
                draws = 2 * uniform(philox(seed, INITIALISATION, p.numel(), layer=layer)) - 1
                places = {1: [0], 2: [1, 0], 4: [2, 3, 1, 0]}[p.dim()]  # of PyTorch's axes in ours
                values = torch.tensor(draws / math.sqrt(fan_in)).reshape([p.shape[axis] for axis in places])
                p.copy_(values.permute([places.index(axis) for axis in range(p.dim())]))
            before = "norm" if p.dim() == 1 and name.endswith(".weight") else ""


def main():
    peer_path = sys.argv[1]
    with open(sys.argv[2] if len(sys.argv) > 2 else __file__.replace("losses.py", "plain.yaml")) as file:
        run = yaml.safe_load(file)
    seed, model, data, training = run["seed"], run["model"], run["data"], run["training"]
    torch.set_default_dtype(torch.float64)
    spec = importlib.util.spec_from_file_location("peer", peer_path)
    peer = importlib.util.module_from_spec(spec)
    argv, sys.argv = sys.argv, ["peer", "count", "--c1", "2", "--mults", "1", "--groups", "1"]  # it runs when imported
    out, sys.stdout = sys.stdout, sys.stderr
    spec.loader.exec_module(peer)
    sys.argv, sys.stdout = argv, out

    side, m = model["image_size"], data["magnification"]
    net = peer.UNet(2, 1, model["base_channels"], tuple(model["multipliers"]), model["blocks"], model["groups"],
                    model["dropout"], tuple(model["attention_resolutions"]), side)
    # The peer computes in float32 where it says .float(): its angles are the one place.
    net.time_mlp[0].freq = torch.exp(
        torch.arange(0, model["base_channels"], 2, dtype=torch.float64) * (-math.log(10000.0) / model["base_channels"]))
    net.time_mlp[0].forward = lambda t: torch.cat(
        [wave(t[:, None] * net.time_mlp[0].freq[None]) for wave in (torch.sin, torch.cos)], 1)
    initialise(net, seed)

    upsample, limit = bicubic(side // m, m), 1 + data["margin"]
    pairs = []  # what the network is conditioned on, and what it learns
    for number in range(COUNT):
        fine = formula_map(number, side)
        coarse = fine[::m, ::m]
        low, high = coarse.min(), coarse.max()
        pairs.append([np.clip(2 * (v - low) / (high - low) - 1, -limit, limit)
                      for v in (upsample @ coarse @ upsample.T, fine)])
    test = permutation(COUNT, seed=seed, purpose=SPLIT)[: max(1, (COUNT + 3) // 6)]
    train = [n for n in range(COUNT) if n not in test]

    diffusion = run["diffusion"]
    alpha_bar = np.cumprod(1 - np.linspace(diffusion["beta_start"], diffusion["beta_end"], diffusion["timesteps"]))
    adam = torch.optim.Adam(net.parameters(), lr=1, betas=(training["beta1"], training["beta2"]), eps=1e-8)
    average = [p.detach().clone() for p in net.parameters()]
    losses, norms = [], []
    for step in range(training["steps"]):
        inputs, noises, timesteps = [], [], []
        for place in range(training["batch"]):
            epoch, position = divmod(step * training["batch"] + place, len(train))
            condition, clean = pairs[train[permutation(len(train), seed=seed, purpose=SHUFFLE, step=epoch)[position]]]
            t = 1 + integer(diffusion["timesteps"], seed=seed, purpose=TIMESTEP, sample=place, step=step)
            noise = gaussian(side * side, seed=seed, purpose=NOISE, sample=place, step=step).reshape(side, side)
            noisy = math.sqrt(alpha_bar[t - 1]) * clean + math.sqrt(1 - alpha_bar[t - 1]) * noise
            inputs.append(np.stack([condition, noisy]))
            noises.append(noise[None])
            timesteps.append(float(t))
        answer = net(torch.tensor(np.stack(inputs)), torch.tensor(timesteps))
        loss = ((answer - torch.tensor(np.stack(noises))) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()]).item()
        losses.append(loss.item())
        norms.append(norm)
        for p in net.parameters():
            p.grad *= min(1.0, training["clip_norm"] / norm)
        rate, warm_up, final = training["learning_rate"], training["warm_up"], training["final_learning_rate"]
        if step < warm_up:
            adam.param_groups[0]["lr"] = rate * (step + 1) / warm_up
        else:
            share = (step - warm_up) / (training["steps"] - warm_up)
            adam.param_groups[0]["lr"] = final + (rate - final) * (1 + math.cos(math.pi * share)) / 2
        adam.step()
        n = step - training["average_start"]
        decay = min(training["average_decay"], (1 + n) / (10 + n)) if n >= 0 else 0
        for a, p in zip(average, net.parameters()):
            a += (1 - decay) * (p.detach() - a)
    print(json.dumps({
        "losses": losses, "gradient_norms": norms,
        "average_norm": math.sqrt(sum(float((a**2).sum()) for a in average)),
    }, indent=2))


main()
