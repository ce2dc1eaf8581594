/**
 * `zscale init --k8s`: manifests of a deployment that is rolled out without losing a request and scaled by how long requests wait; and of
 * machines that join it, where they are asked for. The image is that of `--docker`.
 */
import type { InitPlan } from './plan.ts';
import {
  DRAIN_DELAY_S,
  type InitFile,
  type InitKit,
  joinWords,
  KEY_FILE,
  listOf,
  REST_S,
  runWords,
} from './serving.ts';

const KEYS = '/keys';
const KEY_PATH = `${KEYS}/${KEY_FILE}`;
/** The user `node` of the image. */
const USER_ID = 1000;
/** How long a request may wait for a worker before there are more of them: 0.1 s as Kubernetes writes it. */
const WAIT = '100m';
const WAIT_METRIC = 'zscale_queue_oldest_wait_seconds';

/** The manifests, in the folder `k8s`. */
export function kubernetesKit(plan: InitPlan): InitKit {
  const { name, machines } = plan;
  const keys = `kubectl create secret generic ${name}-keys --from-file=${KEY_FILE}`;
  return {
    files: [serviceFile(plan), ...(machines ? [machinesFile(plan)] : [])],
    next: [
      `docker build -t registry.example/${name} . && docker push registry.example/${name}   # your registry, here and in k8s/`,
      ...(machines ? [`npx zscale keygen service && ${keys}`] : []),
      `kubectl apply -f k8s/ && kubectl rollout status deployment/${name}`,
      ...(machines ? [] : [`kubectl get hpa ${name}   # needs a metrics adapter: see the file`]),
    ],
  };
}

function serviceFile(plan: InitPlan): InitFile {
  const { name, machines, doors, adminPort, backendPort, grace } = plan;
  const { drainDelay = DRAIN_DELAY_S } = plan;
  const words = runWords(plan, { adminHost: '*', keyFile: KEY_PATH, drainDelay });
  const containerPorts = [
    ...doors.map(({ scheme, port }) => ({ name: doorName(scheme, port), port })),
    ...(machines ? [{ name: 'machines', port: backendPort }] : []),
    { name: 'admin', port: adminPort },
  ];
  const container = `        - name: ${name}
          image: registry.example/${name}
          args: ${listOf(words, '          ')}
          ports:
${containerPorts.map((each) => `            - { name: ${each.name}, containerPort: ${each.port} }\n`).join('')}          # Until its workers have loaded nobody judges it.
          startupProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 2
            failureThreshold: 45
          # From the moment it begins to stop this says 503, so that it gets no new clients.
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 2
            failureThreshold: 1
          livenessProbe:
            httpGet: { path: /healthz, port: admin }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
`;
  return {
    path: `k8s/${name}.yaml`,
    text: `# ${name}. Written by "zscale init --k8s".
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  # How many is for the autoscaler below to say.
  selector: { matchLabels: { app: ${name} } }
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  template:
    metadata:
      labels: { app: ${name} }
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "${adminPort}"
    spec:
      # At its end it goes on for ${drainDelay} s (--drain-delay), until every balancer knows, then it has ${grace} s for open requests
      # (--graceful-timeout). A preStop that sleeps would do the first, and only that.
      terminationGracePeriodSeconds: ${drainDelay + grace + REST_S}
${podSecurity(machines)}
      containers:
${container}${containerRest(machines)}${volumes(name, machines)}---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  selector: { app: ${name} }
  ports:
${doors.map(({ scheme, port }) => `    - { name: ${doorName(scheme, port)}, port: ${port}, targetPort: ${doorName(scheme, port)} }\n`).join('')}---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: ${name}
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app: ${name} } }
---
${autoscaler(name, {
  note: `# More pods when requests wait for more than 0.1 s (${WAIT}) on the average of pods. An adapter, such as prometheus-adapter or KEDA,
# has to make the metric of the admin address known to Kubernetes; without one there are minReplicas.`,
  metric: `    - type: Pods
      pods:
        metric: { name: ${WAIT_METRIC} }
        target: { type: AverageValue, averageValue: ${WAIT} }`,
})}`,
  };
}

function machinesFile(plan: InitPlan): InitFile {
  const { name, adminPort, backendPort, grace } = plan;
  const front = `${name}-front.$(NAMESPACE).svc.cluster.local`;
  const admin = ['--admin', `http://*:${adminPort}`];
  const words = joinWords(plan, front, { keyFile: KEY_PATH, admin });
  return {
    path: `k8s/${name}-machines.yaml`,
    text: `# Machines that work for ${name}. Written by "zscale init --k8s --machines".
#
# A headless service has the addresses of all pods: each machine joins every one of them, and follows them as they come and go.
apiVersion: v1
kind: Service
metadata:
  name: ${name}-front
spec:
  clusterIP: None
  # Machines find a pod that still starts.
  publishNotReadyAddresses: true
  selector: { app: ${name} }
  ports:
    - { name: machines, port: ${backendPort} }
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}-machine
  labels: { app: ${name}-machine }
spec:
  selector: { matchLabels: { app: ${name}-machine } }
  template:
    metadata:
      labels: { app: ${name}-machine }
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "${adminPort}"
    spec:
      # At its end a machine takes nothing new, and has ${grace} s for what it holds.
      terminationGracePeriodSeconds: ${grace + REST_S}
${podSecurity(true)}
      containers:
        - name: machine
          image: registry.example/${name}
          env:
            - name: NAMESPACE
              valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
          args: ${listOf(words, '          ')}
          ports:
            - { name: admin, containerPort: ${adminPort} }
          # Ready when it works for the service; a roll-out waits for that. While it waits for the service itself nobody ends it.
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 5
          livenessProbe:
            httpGet: { path: /healthz, port: admin }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
${containerRest(true)}${volumes(name, true)}---
${autoscaler(`${name}-machine`, {
  note: `# More machines when requests wait for more than 0.1 s (${WAIT}) at ${name}. Needs an adapter, as there.`,
  metric: `    - type: Object
      object:
        describedObject: { apiVersion: v1, kind: Service, name: ${name} }
        metric: { name: ${WAIT_METRIC} }
        target: { type: Value, value: ${WAIT} }`,
})}`,
  };
}

/** Who it is, and what it may do; `reads` says whether there is a secret that its group must be able to read. */
function podSecurity(reads: boolean): string {
  return `      securityContext:
        runAsNonRoot: true
        runAsUser: ${USER_ID}
        runAsGroup: ${USER_ID}
${reads ? `        fsGroup: ${USER_ID}\n` : ''}        seccompProfile: { type: RuntimeDefault }`;
}

function containerRest(hasKeys: boolean): string {
  return `          # --workers auto follows the limit of CPUs.
          resources:
            requests: { cpu: "1", memory: 512Mi }
            limits: { cpu: "2", memory: 1Gi }
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
${hasKeys ? `            - { name: keys, mountPath: ${KEYS}, readOnly: true }\n` : ''}`;
}

function volumes(name: string, hasKeys: boolean): string {
  return `      volumes:
        - { name: tmp, emptyDir: { medium: Memory, sizeLimit: 64Mi } }
${hasKeys ? `        - { name: keys, secret: { secretName: ${name}-keys, defaultMode: 0440 } }\n` : ''}`;
}

function autoscaler(target: string, { note, metric }: { note: string; metric: string }): string {
  return `${note}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: ${target}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${target} }
  minReplicas: 2
  maxReplicas: 10
  metrics:
${metric}
  behavior:
    scaleDown: { stabilizationWindowSeconds: 300 }
`;
}

function doorName(scheme: string, port: number): string {
  return `${scheme === 'tcp' ? 'zmq' : scheme}-${port}`;
}
