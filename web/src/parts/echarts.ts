// Only what the charts use, so that nothing else is in the build. This file is loaded when the first chart is shown.
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { init, use as register, type ECharts } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

register([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

export { init, type ECharts };
