with counted as (
    select
        period_year,
        commune_code,
        district_code,
        province_code,
        reporting_unit_code,
        count(*) filter (where kind_code = 'training') as training_count,
        {{ sum_if_all_known('participant_count', "kind_code = 'training'") }} as participant_count,
        {{ sum_if_all_known('target_participant_count', "kind_code = 'training'") }} as target_count,
        count(*) filter (where kind_code = 'poverty_model') as model_count,
        {{ sum_if_all_known('cost_vnd', "kind_code = 'poverty_model'") }} as model_cost_vnd
    from {{ ref('int_capacity__activity') }}
    group by period_year, commune_code, district_code, province_code, reporting_unit_code
)

select
    figure.indicator_code,
    counted.period_year::text as period_code,
    '' as standard_code,
    counted.commune_code,
    counted.district_code,
    counted.province_code,
    counted.reporting_unit_code,
    '' as breakdown_code,
    '' as support_code,
    figure.numerator::numeric as numerator,
    figure.denominator::numeric as denominator
from counted
cross join
    lateral (
        values
        ('cadre_training_coverage', counted.training_count > 0, counted.participant_count, counted.target_count),
        ('poverty_model_count', true, counted.model_count, null),
        ('poverty_model_cost', counted.model_count > 0, counted.model_cost_vnd, counted.model_count)
    ) as figure (indicator_code, is_there, numerator, denominator)
where figure.is_there
