"""Workers on the GPUs of a Ray cluster: `python ray_workers.py 8 --credentials FILE --device cuda:0 --leave-when-idle 10m`."""

import subprocess
import sys
import time

import ray


@ray.remote(num_gpus=1, max_restarts=-1, max_task_retries=-1)
class Worker:
    def run(self, *options):
        # 0: left in order; 2 and 5: another try does not help.
        while (code := subprocess.run(["patchsweep-worker", *options]).returncode) not in (0, 2, 5):
            time.sleep(2)
        return code


ray.init()
workers = [Worker.remote() for _ in range(int(sys.argv[1]))]
print(ray.get([worker.run.remote(*sys.argv[2:]) for worker in workers]))
